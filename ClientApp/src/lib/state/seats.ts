// Over HTTP/1.1 a browser opens six connections to a host for all tabs together. Two stay free for other requests.
const seats = 4
const renewMs = 4000
const expireMs = 15_000

/** A tab's request for a connection and its time. Visible tabs come before hidden ones. */
interface Wish {
  tab: string
  seen: boolean
  at: number
}
type Word = Wish | { tab: string; gone: true }

interface Channel {
  postMessage(word: Word): void
  close(): void
  onmessage: ((event: { data: unknown }) => void) | null
}

/**
 * Shares the long-lived connections among the tabs of one browser. Every tab broadcasts its request and ranks all known ones in the same
 * way. The latest request comes first, so a new question never waits for an old answer.
 */
export class Seats {
  #wish: Wish | null = null
  #others = new Map<string, { wish: Wish; heard: number }>()
  #channel: Channel | null = null
  #timer: ReturnType<typeof setInterval> | undefined
  #granted = true

  constructor(
    private readonly onChange: (granted: boolean) => void,
    private readonly connect: () => Channel | null = browserChannel,
    private readonly tab: string = crypto.getRandomValues(new Uint32Array(2)).join('-'),
  ) {}

  get granted(): boolean {
    return this.#granted
  }

  /** Requests a connection; `fresh` marks a new request, which ranks before older ones. */
  want(seen: boolean, fresh = false): void {
    this.#wish = { tab: this.tab, seen, at: fresh || !this.#wish ? Date.now() : this.#wish.at }
    if (!this.#channel) {
      this.#channel = this.connect()
      if (!this.#channel) return
      this.#channel.onmessage = (event) => this.#hear(event.data)
      this.#timer = setInterval(() => this.#renew(), renewMs)
    }
    this.#channel.postMessage(this.#wish)
    this.#decide()
  }

  leave(): void {
    if (!this.#wish) return
    this.#wish = null
    this.#channel?.postMessage({ tab: this.tab, gone: true })
    this.#channel?.close()
    this.#channel = null
    clearInterval(this.#timer)
    this.#others.clear()
    this.#granted = true
  }

  #hear(data: unknown): void {
    if (!isWord(data) || !this.#wish) return
    if ('gone' in data) this.#others.delete(data.tab)
    else {
      const known = this.#others.has(data.tab)
      this.#others.set(data.tab, { wish: data, heard: Date.now() })
      // A tab that was unknown so far does not know this one either.
      if (!known) this.#channel?.postMessage(this.#wish)
    }
    this.#decide()
  }

  #renew(): void {
    const old = Date.now() - expireMs
    for (const [tab, { heard }] of this.#others) if (heard < old) this.#others.delete(tab)
    if (this.#wish) this.#channel?.postMessage(this.#wish)
    this.#decide()
  }

  #decide(): void {
    const mine = this.#wish
    if (!mine) return
    const before = [...this.#others.values()].filter(({ wish }) => isBefore(wish, mine)).length
    const granted = before < seats
    if (granted === this.#granted) return
    this.#granted = granted
    this.onChange(granted)
  }
}

function isBefore(one: Wish, other: Wish): boolean {
  if (one.seen !== other.seen) return one.seen
  return one.at !== other.at ? one.at > other.at : one.tab > other.tab
}

function isWord(data: unknown): data is Word {
  return (
    typeof data === 'object' &&
    data !== null &&
    'tab' in data &&
    typeof data.tab === 'string' &&
    ('gone' in data || ('seen' in data && 'at' in data))
  )
}

/** Null where a channel is not needed (HTTP/2 carries any number of streams in one connection) or not available. */
function browserChannel(): Channel | null {
  const page = performance.getEntriesByType('navigation')[0]
  const protocol = page && 'nextHopProtocol' in page ? page.nextHopProtocol : ''
  if (protocol === 'h2' || protocol === 'h3' || typeof BroadcastChannel === 'undefined') return null
  return new BroadcastChannel('aichat.seats') as unknown as Channel
}
