import { search } from '../api/sessions'
import type { FoundSession, Session } from '../api/types'
import { holds, termsOf } from '../browser/letters'

const waitMs = 180
const shown = 8

/** Finds chats: first among the loaded titles, then on the server in titles and texts. */
export class ChatSearch {
  #query = $state('')
  #found = $state.raw<readonly FoundSession[] | null>(null)
  #busy = $state(false)
  #failed = $state(false)
  #asking: AbortController | null = null
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly known: () => readonly Session[]) {}

  get query() {
    return this.#query
  }
  set query(value: string) {
    this.#query = value
    this.#found = null
    this.#ask(value.trim())
  }
  get busy() {
    return this.#busy
  }
  get failed() {
    return this.#failed
  }

  /** The folded words and phrases. */
  readonly words = $derived(termsOf(this.#query))

  readonly results = $derived.by((): readonly FoundSession[] => {
    if (this.words.length === 0) return this.known().slice(0, shown)
    return (
      this.#found ??
      this.known()
        .filter((session) => holds(session.title, this.words))
        .slice(0, shown)
    )
  })

  end(): void {
    clearTimeout(this.#timer)
    this.#asking?.abort()
  }

  #ask(query: string): void {
    this.end()
    this.#failed = false
    this.#busy = query !== ''
    if (query === '') return
    this.#timer = setTimeout(() => void this.#load(query), waitMs)
  }

  async #load(query: string): Promise<void> {
    const asking = new AbortController()
    this.#asking = asking
    try {
      const page = await search(query, asking.signal)
      if (asking.signal.aborted) return
      this.#found = page.items
    } catch {
      if (!asking.signal.aborted) this.#failed = true
    }
    if (!asking.signal.aborted) this.#busy = false
  }
}
