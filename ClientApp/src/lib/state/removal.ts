import { url } from '../api/http'
import * as sessions from '../api/sessions'

const undoMs = 6000

/** A removal that can still be undone: it reaches the server a few seconds later, or when the page goes. */
export class Removal {
  #done: Promise<void> | null = null
  #timer: ReturnType<typeof setTimeout>

  constructor(
    private readonly sessionId: number,
    readonly messageId: number,
    private readonly onDone: (error: unknown) => void,
  ) {
    this.#timer = setTimeout(() => void this.commit(), undoMs)
    addEventListener('pagehide', this.#leave)
  }

  /** Too late once the server was asked. */
  undo(): boolean {
    if (this.#done) return false
    this.#stop()
    return true
  }

  /** Removes now. What is said next must wait for it. */
  commit(): Promise<void> {
    this.#stop()
    this.#done ??= sessions.removeMessage(this.sessionId, this.messageId).then(() => this.onDone(null), (error: unknown) => this.onDone(error))
    return this.#done
  }

  #stop(): void {
    clearTimeout(this.#timer)
    removeEventListener('pagehide', this.#leave)
  }

  #leave = () => {
    if (!this.#done) void fetch(url(`api/sessions/${this.sessionId}/messages/${this.messageId}`), { method: 'DELETE', keepalive: true, headers: { 'Content-Type': 'application/json' } }).catch(() => undefined)
    this.#stop()
  }
}
