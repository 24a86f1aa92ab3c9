/** What was drawn lately, to be copied: text that grows is drawn again and again, and a block that left the document comes back. */
export class Kept {
  readonly #drawn = new Map<string, Node>()

  constructor(private readonly max: number) {}

  /** A copy of what was drawn for the key. */
  copy(key: string): Node | undefined {
    const drawn = this.#drawn.get(key)
    if (!drawn) return undefined
    this.#drawn.delete(key)
    this.#drawn.set(key, drawn)
    return drawn.cloneNode(true)
  }

  keep(key: string, drawn: Node): void {
    this.#drawn.set(key, drawn.cloneNode(true))
    const [oldest] = this.#drawn.keys()
    if (this.#drawn.size > this.max && oldest !== undefined) this.#drawn.delete(oldest)
  }
}
