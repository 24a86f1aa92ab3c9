import { ownPage } from '../api/http'
import * as sessions from '../api/sessions'
import { url } from '../browser/address'
import { tabStorage } from '../browser/storage'

const undoMs = 6000
const markOf = (sessionId: number) => `aichat.removing.${sessionId}`

/** A removal that can be undone: it is sent a few seconds later, or when the page closes. */
export class Removal {
  #done: Promise<void> | null = null
  #timer: ReturnType<typeof setTimeout>

  constructor(
    private readonly sessionId: number,
    readonly messageId: number,
    private readonly onDone: (error: unknown) => void,
  ) {
    this.#timer = setTimeout(() => void this.commit(), undoMs)
    tabStorage.write(markOf(sessionId), String(messageId))
    addEventListener('pagehide', this.#leave)
  }

  /**
   * After a reload the removal sent by the closing page may still be under way. Loading a chat waits here first and repeats the removal,
   * which is idempotent.
   */
  static async finish(sessionId: number): Promise<void> {
    const messageId = Number(tabStorage.read(markOf(sessionId)))
    if (!messageId) return
    // Already removed, or unreachable: the next list from the server is correct either way.
    await sessions.removeMessage(sessionId, messageId).catch(() => undefined)
    tabStorage.write(markOf(sessionId), null)
  }

  /** False when the removal was sent already. */
  undo(): boolean {
    if (this.#done) return false
    this.#stop()
    this.#forget()
    return true
  }

  /** Sends the removal now. The next message must wait for it. */
  commit(): Promise<void> {
    this.#stop()
    this.#done ??= sessions.removeMessage(this.sessionId, this.messageId).then(() => null, (error: unknown) => error).then((error) => {
      this.#forget()
      this.onDone(error)
    })
    return this.#done
  }

  #stop(): void {
    clearTimeout(this.#timer)
    removeEventListener('pagehide', this.#leave)
  }

  #forget(): void {
    if (tabStorage.read(markOf(this.sessionId)) === String(this.messageId)) tabStorage.write(markOf(this.sessionId), null)
  }

  #leave = () => {
    if (!this.#done)
      void fetch(url(`api/sessions/${this.sessionId}/messages/${this.messageId}`), {
        method: 'DELETE',
        keepalive: true,
        headers: ownPage,
      }).catch(() => undefined)
    this.#stop()
  }
}
