/** A piece is drawn in about this time. */
const pieceMs = 8
const [least, most] = [400, 6000]

/** How many characters of an answer are drawn at once, by what the last piece took. */
export class Pace {
  #piece = least

  get piece() {
    return this.#piece
  }

  took(ms: number): void {
    this.#piece = Math.min(most, Math.max(least, (this.#piece * pieceMs) / Math.max(2, ms)))
  }
}
