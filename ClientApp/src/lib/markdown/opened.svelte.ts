import { getContext, setContext } from 'svelte'

const key = Symbol('opened')
const kept = new WeakMap<object, Map<string, boolean>>()

/** Lets the parts of a turn remember whether they are open while the turn is out of the document. Called by the turn's component. */
export function rememberOpened(turn: object): void {
  const parts = kept.get(turn) ?? new Map<string, boolean>()
  kept.set(turn, parts)
  setContext(key, parts)
}

/** What the turn around this component remembers; undefined outside of one. */
export const openedParts = (): Map<string, boolean> | undefined => getContext(key)

/** A name for a part by its source, which is the same when it is drawn again. */
export const partOf = (kind: string, source: string): string => `${kind} ${source.length} ${source.slice(0, 60)}`

/** Whether a part of a turn is open. `part` names it among the others of the turn. */
export class Opened {
  readonly #parts = openedParts()
  readonly #part: () => string
  #open = $state(false)

  constructor(part: () => string, otherwise = false) {
    this.#part = part
    this.#open = this.#parts?.get(part()) ?? otherwise
  }

  get open(): boolean {
    return this.#open
  }
  set open(open: boolean) {
    this.#open = open
    this.#parts?.set(this.#part(), open)
  }
}
