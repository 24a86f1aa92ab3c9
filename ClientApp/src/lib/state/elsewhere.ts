import * as api from '../api/sessions'
import type { Session } from '../api/types'
import type { Conversation } from './conversation.svelte'

const askMs = 5000
const restMs = 30_000
const wakefulMs = 120_000

/**
 * Polls whether the open chat was changed on another device, while the page is visible; less often when the person has been idle for a
 * while.
 */
export class Elsewhere {
  #timer: ReturnType<typeof setTimeout> | undefined
  #stirredAt = Date.now()
  #seen = new WeakMap<Conversation, string>()

  constructor(
    private readonly open: () => Conversation | null,
    private readonly onSession: (session: Session) => void,
  ) {
    for (const kind of ['pointerdown', 'keydown', 'wheel', 'touchmove']) addEventListener(kind, () => this.#stir(), { passive: true })
    document.addEventListener('visibilitychange', () => this.#schedule())
    this.#schedule()
  }

  #stir(): void {
    const resting = this.#resting
    this.#stirredAt = Date.now()
    if (resting) this.#schedule()
  }

  get #resting(): boolean {
    return Date.now() - this.#stirredAt > wakefulMs
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (document.hidden) return
    // A failed poll is repeated in the next round.
    const round = () => void this.#look().catch(() => undefined).then(() => this.#schedule())
    this.#timer = setTimeout(round, this.#resting ? restMs : askMs)
  }

  async #look(): Promise<void> {
    const chat = this.open()
    if (!isQuiet(chat)) return
    const session = await api.read(chat.id)
    if (this.open() !== chat || !isQuiet(chat)) return
    const state = `${session.updatedAt} ${session.activeRunMessageId ?? ''}`
    if (this.#seen.get(chat) === state) return
    this.onSession(session)
    const newest = (await api.messages(chat.id, null, 1)).items.at(-1)
    this.#seen.set(chat, state)
    const last = chat.turns.findLast((turn) => turn.message.id > 0)?.message
    if (isQuiet(chat) && (newest?.id !== last?.id || newest?.status !== last?.status)) await chat.load()
  }
}

/** Whether no answer or removal of this page is changing the chat. */
function isQuiet(chat: Conversation | null): chat is Conversation {
  return chat !== null && !chat.live && !chat.removing && chat.transcript.state === 'ready'
}
