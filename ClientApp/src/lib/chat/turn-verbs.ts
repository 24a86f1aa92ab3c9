import { Problem } from '../api/http'
import * as api from '../api/images'
import type { CatalogModel } from '../api/types'
import { touchFirst } from '../composer/keys'
import type { AppState } from '../state/app.svelte'
import type { Conversation } from '../state/conversation.svelte'
import type { Saying } from '../state/drafts'
import type { Turn } from '../state/turn.svelte'

/** The actions on a turn of one chat. */
export class TurnVerbs {
  constructor(
    private readonly app: AppState,
    readonly conversation: Conversation,
    /** Puts text back into the composer. */
    readonly compose: (saying: Saying) => void,
  ) {}

  /** The tree of messages must not change while an answer is being written. */
  get busy(): boolean {
    return this.conversation.live !== null
  }

  regenerate(turn: Turn, model?: CatalogModel): void {
    this.conversation.regenerate(turn, model)
  }

  carryOn(turn: Turn): void {
    this.conversation.carryOn(turn)
  }

  /** An image belongs to one message, so the edited message gets copies. */
  async edit(turn: Turn, content: string): Promise<void> {
    try {
      const images = await Promise.all((turn.message.images ?? []).map((image) => api.copy(image)))
      this.conversation.edit(turn, { content, ...(images.length > 0 ? { images } : {}) })
    } catch (error) {
      this.app.fail(error)
    }
  }

  resend(turn: Turn): void {
    this.conversation.resend(turn)
  }

  takeBack(turn: Turn): void {
    this.compose(this.conversation.discard(turn))
  }

  async switchTo(messageId: number): Promise<void> {
    try {
      await this.conversation.switchTo(messageId)
    } catch (error) {
      this.app.fail(error)
    }
  }

  async fork(turn: Turn): Promise<void> {
    try {
      await this.app.fork(this.conversation.id, turn.message.id)
    } catch (error) {
      this.app.fail(error)
    }
  }

  /** Removes this message and what follows it, and nothing before it. */
  remove(turn: Turn): void {
    const { i18n, toasts } = this.app
    const count = this.conversation.turns.length - this.conversation.turns.indexOf(turn)
    const undo = this.conversation.remove(turn, (error) => this.app.fail(error instanceof Problem ? error : new Problem(0, 'offline')))
    toasts.show(i18n.plural('chat.removed', count), { action: { label: i18n.t('app.undo'), run: undo }, ms: 5500 })
    // Where the message stood there is nothing to have the focus.
    if (!touchFirst()) setTimeout(() => document.querySelector<HTMLElement>('.composer textarea')?.focus())
  }
}
