import { isUnreachable, Problem } from '../api/http'
import * as sessions from '../api/sessions'
import type { Message, Page } from '../api/types'
import { readAhead } from '../lexer/blocks'
import { Turn } from './turn.svelte'

// A guard against endless paging, far above any use by hand.
const maxPages = 60

/** The loaded messages of one chat: the newest page first, then older ones. */
export class Transcript {
  #turns = $state.raw<Turn[]>([])
  #state = $state<'new' | 'loading' | 'ready' | 'failed'>('new')
  #problem = $state.raw<Problem | null>(null)
  #older = $state.raw<string | null>(null)
  #loadingOlder: Promise<void> | null = null
  #olderFailed = $state(false)

  constructor(readonly sessionId: number) {}

  get turns() {
    return this.#turns
  }
  set turns(turns: Turn[]) {
    this.#turns = turns
  }
  get state() {
    return this.#state
  }
  get problem() {
    return this.#problem
  }
  /** Whether the server was not there when the chat was asked for. */
  get unreachable() {
    return this.#state === 'failed' && isUnreachable(this.#problem)
  }
  get hasOlder() {
    return this.#older !== null
  }
  get olderFailed() {
    return this.#olderFailed
  }

  find(messageId: number): Turn | undefined {
    return this.#turns.find((turn) => turn.message.id === messageId)
  }

  /** Loads the newest page. Null when that failed, or when `wanted` no longer holds after the request. */
  async load(wanted: () => boolean): Promise<Page<Message> | null> {
    // What has failed says so until an answer comes.
    if (this.#turns.length === 0 && this.#state !== 'failed') this.#state = 'loading'
    try {
      const page = await sessions.messages(this.sessionId)
      if (this.#turns.length === 0) await readAhead(page.items.at(-1)?.content ?? '')
      if (!wanted()) return null
      const above = this.#above(page)
      this.#turns = [...above, ...this.#merge(page.items)]
      if (above.length === 0) this.#older = page.nextCursor
      this.#state = 'ready'
      return page
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      this.#problem = error
      if (this.#turns.length === 0) this.#state = 'failed'
      return null
    }
  }

  /** Loads one older page; concurrent calls share it. */
  loadOlder(): Promise<void> {
    if (this.#older === null) return Promise.resolve()
    this.#loadingOlder ??= this.#fetchOlder(this.#older).finally(() => (this.#loadingOlder = null))
    return this.#loadingOlder
  }

  async #fetchOlder(before: string): Promise<void> {
    this.#olderFailed = false
    try {
      const page = await sessions.messages(this.sessionId, before)
      this.#turns = [...page.items.map((message) => new Turn(message)), ...this.#turns]
      this.#older = page.nextCursor
    } catch {
      this.#olderFailed = true
    }
  }

  /** Loads older pages until the message is found. False when it is not on this branch. */
  async loadUntil(messageId: number): Promise<boolean> {
    // Ids grow along a branch, so a message with a higher id than the first loaded one is not above it.
    const mayBeAbove = () => (this.#turns.find((turn) => turn.message.id > 0)?.message.id ?? Infinity) > messageId
    for (let page = 0; page < maxPages && !this.find(messageId) && mayBeAbove() && this.#older !== null && !this.#olderFailed; page++)
      await this.loadOlder()
    return this.find(messageId) !== undefined
  }

  /** Inserts messages that were stored before this one by another device. */
  async fillAbove(turn: Turn): Promise<void> {
    const page = await sessions.messages(this.sessionId).catch(() => null)
    const at = this.#turns.indexOf(turn)
    if (!page || at < 0) return
    this.#turns = [
      ...this.#above(page),
      ...this.#merge(page.items.filter((message) => message.id < turn.message.id)),
      ...this.#turns.slice(at),
    ]
  }

  /** The loaded older turns, if the newest page continues them. */
  #above(page: Page<Message>): Turn[] {
    const parent = page.items[0]?.parentId ?? null
    if (parent === null || page.nextCursor === null) return []
    return this.#turns.slice(0, this.#turns.findIndex((turn) => turn.message.id === parent) + 1)
  }

  /** Reuses the turns, and with them the DOM, of messages that are loaded already. */
  #merge(items: readonly Message[]): Turn[] {
    const known = new Map(this.#turns.map((turn) => [turn.message.id, turn]))
    return items.map((message) => {
      const turn = known.get(message.id)
      if (!turn) return new Turn(message)
      turn.message = message
      return turn
    })
  }
}
