import type { Positioned } from '../api/sse'

/** When a stream is taken for held back, and how often is asked instead. */
export const heldStream = {
  /** Silence after which the server is asked whether it has more. */
  quietMs: 5000,
  /** The same once a stream of this page has been held back. */
  quietAgainMs: 1500,
  /** What was sent at the same moment is on its way for so long. */
  graceMs: 500,
  askMs: 700,
  maxAskMs: 3000,
}

let heldBefore = false

/**
 * Watches a stream for silence. Virus scanners and company proxies hold an event stream back until it ends, although the server has sent
 * part of the answer. Calls `onHeld` with what the stream should have brought; then it is over.
 */
export class Silence {
  #held = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #heard = 0

  constructor(
    private readonly more: () => Promise<Positioned[]>,
    private readonly onHeld: (missed: Positioned[]) => void,
  ) {
    this.#wait()
  }

  get held(): boolean {
    return this.#held
  }

  /** Events came. */
  end(): void {
    this.#heard++
    clearTimeout(this.#timer)
    this.#wait()
  }

  stop(): void {
    this.#heard++
    clearTimeout(this.#timer)
  }

  #wait(): void {
    this.#timer = setTimeout(() => void this.#ask(this.#heard), heldBefore ? heldStream.quietAgainMs : heldStream.quietMs)
  }

  async #ask(heard: number): Promise<void> {
    // A failed request says nothing about the stream, which reports its own end.
    const missed = await this.more().catch(() => [])
    if (missed.length > 0) await new Promise((resolve) => setTimeout(resolve, heldStream.graceMs))
    if (this.#heard !== heard) return
    if (missed.length === 0) return this.#wait()
    this.#held = heldBefore = true
    this.onHeld(missed)
  }
}
