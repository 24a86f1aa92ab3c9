import * as chat from '../api/chat'
import { Problem } from '../api/http'
import * as sessions from '../api/sessions'
import type { Message } from '../api/types'
import type { Drafts, Outgoing } from './drafts'
import { LiveRun, type RunEvents } from './live-run.svelte'
import { localMessage, newClientMessageId, Turn } from './turn.svelte'

/** One open chat: its messages, and what is said next. */
export class Conversation {
  #turns = $state.raw<Turn[]>([])
  #state = $state<'new' | 'loading' | 'ready' | 'failed'>('new')
  #problem = $state.raw<Problem | null>(null)
  #older = $state.raw<string | null>(null)
  #loadingOlder = $state(false)
  #olderFailed = $state(false)
  #queued = $state('')
  readonly run: LiveRun

  constructor(
    readonly id: number,
    private readonly drafts: Drafts,
    events: RunEvents,
  ) {
    this.run = new LiveRun(id, events, (turn) => this.#finished(turn), () => void this.load())
  }

  get turns() {
    return this.#turns
  }
  get state() {
    return this.#state
  }
  get problem() {
    return this.#problem
  }
  get hasOlder() {
    return this.#older !== null
  }
  get loadingOlder() {
    return this.#loadingOlder
  }
  get olderFailed() {
    return this.#olderFailed
  }
  get live() {
    return this.run.turn
  }
  get queued() {
    return this.#queued
  }

  /** Brings the chat on screen: loads it once, and takes up an answer that is being written. */
  async show(): Promise<void> {
    this.run.show()
    if (this.#state === 'new' || this.#state === 'failed') await this.load()
  }

  hide(): void {
    this.run.hide()
  }

  async load(): Promise<void> {
    if (this.#turns.length === 0) this.#state = 'loading'
    try {
      const page = await sessions.messages(this.id)
      if (this.run.turn && this.run.reading) return
      this.#turns = this.#merge(page.items)
      this.#older = page.nextCursor
      this.#state = 'ready'
      this.#restoreOutgoing(page.items)
      const last = this.#turns.findLast((turn) => turn.message.role === 'assistant')
      this.run.adopt(last?.message.status === 'streaming' ? last : null)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      this.#problem = error
      if (this.#turns.length === 0) this.#state = 'failed'
    }
  }

  async loadOlder(): Promise<void> {
    if (this.#older === null || this.#loadingOlder) return
    this.#loadingOlder = true
    this.#olderFailed = false
    try {
      const page = await sessions.messages(this.id, this.#older)
      this.#turns = [...page.items.map((message) => new Turn(message)), ...this.#turns]
      this.#older = page.nextCursor
    } catch {
      this.#olderFailed = true
    } finally {
      this.#loadingOlder = false
    }
  }

  /** While an answer is being written the message waits and is sent after it. */
  send(content: string): void {
    if (this.live) this.#queued = this.#queued === '' ? content : `${this.#queued}\n\n${content}`
    else this.#send({ clientMessageId: newClientMessageId(), content })
  }

  takeBackQueued(): string {
    const text = this.#queued
    this.#queued = ''
    return text
  }

  /** Sends again what was not accepted. The same id makes it safe: a message that did arrive is not doubled. */
  resend(turn: Turn): void {
    const { clientMessageId, content } = turn.message
    const same = turn.problem?.code !== 'message_conflict' ? clientMessageId : null
    this.#turns = this.#turns.filter((one) => one !== turn)
    this.#send({ clientMessageId: same ?? newClientMessageId(), content })
  }

  discard(turn: Turn): string {
    this.#turns = this.#turns.filter((one) => one !== turn)
    this.drafts.setOutgoing(this.id, null)
    return turn.message.content
  }

  /** Writes a new version of an answer that was stopped, interrupted or failed, in its place. */
  retry(turn: Turn): void {
    if (this.live) return
    const before = turn.message
    turn.problem = null
    turn.message = { ...localMessage(this.id, 'assistant', '', ''), parentId: before.parentId }
    const key = newClientMessageId()
    this.run.begin(turn, {
      begin: (signal) => chat.regenerate(before.id, key, signal),
      onRefused: (problem) => {
        turn.message = before
        turn.problem = problem
      },
    })
  }

  #send(outgoing: Outgoing): void {
    this.drafts.setOutgoing(this.id, outgoing)
    const question = new Turn(localMessage(this.id, 'user', outgoing.content, outgoing.clientMessageId))
    const answer = new Turn(localMessage(this.id, 'assistant', '', ''))
    this.#turns = [...this.#turns, question, answer]
    this.run.begin(answer, {
      begin: (signal) => chat.send({ sessionId: this.id, ...outgoing }, signal),
      onAccepted: (message) => {
        question.message = message
        this.drafts.setOutgoing(this.id, null)
      },
      onRefused: (problem) => {
        this.#turns = this.#turns.filter((turn) => turn !== answer)
        question.problem = problem
      },
    })
  }

  #finished(turn: Turn): void {
    if (turn.message.status === 'done' && this.#queued !== '') this.#send({ clientMessageId: newClientMessageId(), content: this.takeBackQueued() })
  }

  /** Keeps the turns (and their DOM) of rows that are on screen already. */
  #merge(items: readonly Message[]): Turn[] {
    const known = new Map(this.#turns.map((turn) => [turn.message.id, turn]))
    return items.map((message) => {
      const turn = known.get(message.id)
      if (!turn) return new Turn(message)
      turn.message = message
      return turn
    })
  }

  /** A message that was on its way when the page went down: shown as not sent, unless the server has it. */
  #restoreOutgoing(items: readonly Message[]): void {
    const outgoing = this.drafts.outgoing(this.id)
    if (!outgoing) return
    const arrived = items.some((message) => message.clientMessageId === outgoing.clientMessageId
      || (message.clientMessageId === undefined && message.role === 'user' && message.content === outgoing.content))
    if (arrived) {
      this.drafts.setOutgoing(this.id, null)
      return
    }
    const turn = new Turn(localMessage(this.id, 'user', outgoing.content, outgoing.clientMessageId))
    turn.problem = new Problem(0, 'offline')
    this.#turns = [...this.#turns, turn]
  }
}
