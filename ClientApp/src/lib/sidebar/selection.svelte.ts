import { SvelteSet } from 'svelte/reactivity'

/** The chats selected for an action on all of them. */
export class Selection {
  #on = $state(false)
  #last: number | null = null
  readonly ids = new SvelteSet<number>()

  get on(): boolean {
    return this.#on
  }

  start(id?: number): void {
    this.#on = true
    if (id !== undefined) this.toggle(id)
  }

  /** With `range`, selects everything from the last selected chat to this one, in the order of the list. */
  toggle(id: number, range: readonly number[] | null = null): void {
    const from = range && this.#last !== null ? range.indexOf(this.#last) : -1
    const to = range?.indexOf(id) ?? -1
    if (range && from >= 0 && to >= 0) {
      for (const one of range.slice(Math.min(from, to), Math.max(from, to) + 1)) this.ids.add(one)
    } else if (!this.ids.delete(id)) this.ids.add(id)
    this.#last = id
  }

  /** Returns the selected chats and ends the selection. */
  take(): number[] {
    const taken = [...this.ids]
    this.end()
    return taken
  }

  end(): void {
    this.#on = false
    this.#last = null
    this.ids.clear()
  }
}
