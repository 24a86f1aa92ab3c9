import * as chat from '../api/chat'
import { Problem } from '../api/http'
import * as sessions from '../api/sessions'
import type { Positioned } from '../api/sse'
import type { ChatEvent, Message } from '../api/types'
import type { Drafts, Outgoing } from './drafts'
import { followRun, type Run } from './follow-run'
import { applyEvent } from './reduce'
import { localMessage, newClientMessageId, Turn } from './turn.svelte'

export interface ConversationEvents {
  onEvent: (sessionId: number, event: ChatEvent) => void
  /** The id of the answer being written, or null when none is. */
  onRunning: (sessionId: number, messageId: number | null) => void
}

/** One open chat: its messages, and the answer that is being written in it, if any. */
export class Conversation {
  #turns = $state.raw<Turn[]>([])
  #state = $state<'new' | 'loading' | 'ready' | 'failed'>('new')
  #problem = $state.raw<Problem | null>(null)
  #older = $state.raw<string | null>(null)
  #loadingOlder = $state(false)
  #olderFailed = $state(false)
  #live = $state.raw<Turn | null>(null)
  #connected = $state(true)
  #stopping = $state(false)
  #queued = $state('')
  #reader: AbortController | null = null
  #position = 0
  #visible = false
  #frame: Positioned[] = []

  constructor(
    readonly id: number,
    private readonly drafts: Drafts,
    private readonly events: ConversationEvents,
  ) {}

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
  /** The answer being written, durable or still on its way to the server. */
  get live() {
    return this.#live
  }
  get connected() {
    return this.#connected
  }
  get stopping() {
    return this.#stopping
  }
  get queued() {
    return this.#queued
  }

  /** Brings the chat on screen: loads it once, and takes up an answer that is being written. */
  async show(): Promise<void> {
    this.#visible = true
    if (this.#state === 'new' || this.#state === 'failed') await this.load()
    else this.#attach()
  }

  /** Off screen nothing is read: the answer goes on at the server, and one connection per tab is enough. */
  hide(): void {
    this.#visible = false
    if (this.#live && this.#live.message.id > 0) this.#reader?.abort()
  }

  async load(): Promise<void> {
    if (this.#turns.length === 0) this.#state = 'loading'
    try {
      const page = await sessions.messages(this.id)
      if (this.#live && this.#reader) return
      this.#turns = this.#merge(page.items)
      this.#older = page.nextCursor
      this.#state = 'ready'
      this.#restoreOutgoing(page.items)
      const last = this.#turns.findLast((turn) => turn.message.role === 'assistant')
      this.#live = last?.message.status === 'streaming' ? last : null
      this.#position = last?.message.eventId ?? 0
      this.#attach()
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
    if (this.#live) this.#queued = this.#queued === '' ? content : `${this.#queued}\n\n${content}`
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
  async retry(turn: Turn): Promise<void> {
    if (this.#live) return
    const before = turn.message
    turn.problem = null
    turn.message = { ...localMessage(this.id, 'assistant', '', ''), parentId: before.parentId }
    const key = newClientMessageId()
    await this.#run(turn, { messageId: null, after: 0, begin: (signal) => chat.regenerate(before.id, key, signal) }, (problem) => {
      turn.message = before
      turn.problem = problem
    })
  }

  async stop(): Promise<void> {
    const id = this.#live?.message.id
    if (id === undefined || id < 0 || this.#stopping) return
    this.#stopping = true
    try {
      await chat.stop(id)
    } finally {
      this.#stopping = false
    }
  }

  #send(outgoing: Outgoing): void {
    this.drafts.setOutgoing(this.id, outgoing)
    const question = new Turn(localMessage(this.id, 'user', outgoing.content, outgoing.clientMessageId))
    const answer = new Turn(localMessage(this.id, 'assistant', '', ''))
    this.#turns = [...this.#turns, question, answer]
    const begin = (signal: AbortSignal) => chat.send({ sessionId: this.id, ...outgoing }, signal)
    void this.#run(answer, { messageId: null, after: 0, begin }, (problem) => {
      this.#turns = this.#turns.filter((turn) => turn !== answer)
      question.problem = problem
    }, question)
  }

  #attach(): void {
    const turn = this.#live
    if (!turn || this.#reader || !this.#visible || turn.message.id < 0) return
    void this.#run(turn, { messageId: turn.message.id, after: this.#position }, () => void this.load())
  }

  async #run(turn: Turn, start: Pick<Run, 'begin' | 'messageId' | 'after'>, onRefused: (problem: Problem) => void, question?: Turn): Promise<void> {
    const reader = new AbortController()
    this.#reader = reader
    this.#live = turn
    try {
      await followRun({
        ...start,
        signal: reader.signal,
        onLink: (connected) => (this.#connected = connected),
        onEvents: (batch) => this.#receive(batch, turn, question, reader),
      })
      this.#flush(turn)
      this.#finish(turn)
    } catch (error) {
      this.#flush(turn)
      if (!reader.signal.aborted) {
        this.#live = null
        this.events.onRunning(this.id, null)
        onRefused(error instanceof Problem ? error : new Problem(0, 'offline'))
      }
    } finally {
      if (this.#reader === reader) this.#reader = null
      this.#connected = true
      // Shown again while the old connection was still closing.
      this.#attach()
    }
  }

  #receive(batch: Positioned[], turn: Turn, question: Turn | undefined, reader: AbortController): void {
    for (const { id, event } of batch) {
      if (id !== null) this.#position = id
      if (event.type === 'start') {
        if (question) {
          question.message = event.userMessage
          this.drafts.setOutgoing(this.id, null)
        }
        this.events.onRunning(this.id, event.assistantMessage.id)
      }
      this.events.onEvent(this.id, event)
    }
    if (this.#frame.length === 0) nextFrame(() => this.#flush(turn))
    this.#frame.push(...batch)
    if (!this.#visible && turn.message.id > 0) reader.abort()
  }

  /** At most one render per frame, however many tokens arrive. */
  #flush(turn: Turn): void {
    if (this.#frame.length === 0) return
    turn.message = this.#frame.reduce((message, { event }) => applyEvent(message, event), turn.message)
    this.#frame = []
  }

  #finish(turn: Turn): void {
    this.#live = null
    this.events.onRunning(this.id, null)
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

function nextFrame(run: () => void): void {
  // A hidden page gets no frames; its state must still move.
  if (document.hidden) setTimeout(run, 100)
  else requestAnimationFrame(run)
}
