import * as sessions from '../api/sessions'
import type { ChatEvent, Usage } from '../api/types'
import type { Transcript } from './transcript.svelte'

/** What of one chat a model gets: how much of its context is used, which messages no longer fit, and what stands for them. */
export class Memory {
  #used = $state.raw<{ tokens: number; limit: number | null } | null>(null)
  #context = $state.raw<sessions.ChatContext | null>(null)
  /** The last prompt left messages out. */
  #told = false

  constructor(
    private readonly id: number,
    private readonly transcript: Transcript,
  ) {}

  /** Tokens used of the model's context at the last answer; null when unknown. */
  get used() {
    return this.#used
  }
  /** How many of the oldest messages the next prompt leaves out. */
  get trimmed(): number {
    return this.#context?.trimmedMessages ?? 0
  }
  /** The oldest message that is sent; undefined while all are, and until the server was asked. */
  get firstId(): number | null | undefined {
    return this.trimmed > 0 ? this.#context?.firstMessageId : undefined
  }
  /** Estimated tokens of the longest message that fits; null until the server was asked. */
  get longest(): number | null {
    return this.#context?.messageTokens ?? null
  }

  began(start: ChatEvent & { type: 'start' }): void {
    this.#told = (start.trimmedMessages ?? 0) > 0
    if (start.promptTokens != null) this.#used = { tokens: start.promptTokens, limit: start.contextLimit ?? null }
  }

  loaded(usage: Usage): void {
    this.#used = { tokens: usage.promptTokens + usage.completionTokens, limit: this.#used?.limit ?? null }
  }

  /** After an answer. Asks only where messages may not fit: a request after every answer of a short chat would be one too many. */
  async answered(): Promise<void> {
    const { tokens = 0, limit = null } = this.#used ?? {}
    if (this.#context || this.#told || tokens * 3 > (limit ?? Infinity)) await this.measure()
  }

  /** Asks the server what of the chat the next prompt holds. Without an answer the old one stays. */
  async measure(): Promise<void> {
    const context = await sessions.context(this.id).catch(() => null)
    if (!context) return
    this.#context = context
    this.#used = { tokens: context.promptTokens, limit: context.contextLimit }
  }

  /** Lets a model summarise the older messages. Throws `Problem`. */
  async summarise(): Promise<void> {
    const { messageId, summary } = await sessions.summarise(this.id)
    await this.#stands(messageId, summary)
  }

  /** Sets what is sent in place of the messages up to this one; null sends them again. Throws `Problem`. */
  async setSummary(messageId: number, summary: string | null): Promise<void> {
    await sessions.setSummary(this.id, messageId, summary)
    await this.#stands(messageId, summary)
  }

  async #stands(messageId: number, summary: string | null): Promise<void> {
    const turn = this.transcript.find(messageId)
    if (turn) turn.message = { ...turn.message, summary }
    await this.measure()
  }
}
