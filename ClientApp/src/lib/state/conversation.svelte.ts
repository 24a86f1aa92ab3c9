import * as chat from '../api/chat'
import type { Problem } from '../api/http'
import * as sessions from '../api/sessions'
import type { AgainRequest, Message } from '../api/types'
import type { Drafts, Outgoing, Saying } from './drafts'
import { LiveRun, type RunEvents } from './live-run.svelte'
import { Memory } from './memory.svelte'
import type { Place, Places } from './places'
import { keep, revive } from './refusal'
import { Removal } from './removal'
import { Transcript } from './transcript.svelte'
import { localMessage, newClientMessageId, Turn } from './turn.svelte'

/** One open chat: its messages, sending, regenerating and branches. */
export class Conversation {
  readonly transcript: Transcript
  readonly run: LiveRun
  readonly memory: Memory
  #queue = $state.raw<readonly Saying[]>([])
  #removal: Removal | null = null

  constructor(
    readonly id: number,
    private readonly drafts: Drafts,
    private readonly places: Places,
    events: RunEvents,
  ) {
    this.transcript = new Transcript(id)
    this.memory = new Memory(id, this.transcript)
    this.run = new LiveRun(
      id,
      {
        ...events,
        onEvent: (sessionId, event) => {
          if (event.type === 'start') this.memory.began(event)
          events.onEvent(sessionId, event)
        },
      },
      (turn) => this.#finished(turn),
      () => void this.load(),
    )
    this.#queue = drafts.queue(id)
  }

  get turns() {
    return this.transcript.turns
  }
  get live() {
    return this.run.turn
  }
  /** The reader's stored position; null at the end. */
  get place() {
    return this.places.get(this.id)
  }
  set place(place: Place | null) {
    this.places.set(this.id, place)
  }
  /** Messages that wait for the running answer. */
  get queue() {
    return this.#queue
  }
  /** Whether a removal can still be undone. */
  get removing() {
    return this.#removal !== null
  }

  /** Shows the chat: loads it once and follows an answer that is being written. */
  async show(): Promise<void> {
    this.run.show()
    if (this.transcript.state === 'new' || this.transcript.state === 'failed') await this.load()
  }

  hide(): void {
    this.run.hide()
  }

  async load(): Promise<void> {
    if (!this.#removal) await Removal.finish(this.id)
    const { changes } = this.run
    const page = await this.transcript.load(() => changes === this.run.changes && (!this.run.turn || !this.run.reading))
    if (!page) {
      // A message was sent after this list was read, so it is outdated.
      if (changes !== this.run.changes && !this.live) await this.load()
      return
    }
    if (this.#removal) this.#cut(this.#removal.messageId)
    this.#restoreOutgoing(page.items)
    const last = this.turns.findLast((turn) => turn.message.role === 'assistant')
    const usage = last?.message.usage
    if (usage) this.memory.loaded(usage)
    this.run.adopt(last?.message.status === 'streaming' ? last : null)
  }

  /** Sends a message; while an answer is being written it is queued. A refusal that `onRefused` takes is not shown here. */
  send(saying: Saying, onRefused?: (problem: Problem) => boolean): void {
    if (this.live) this.#setQueue([...this.#queue, saying])
    else this.#send({ options: this.drafts.options(this.id), ...saying, clientMessageId: newClientMessageId() }, this.turns, onRefused)
  }

  unqueue(index: number): Saying | undefined {
    const saying = this.#queue[index]
    this.#setQueue(this.#queue.filter((_, at) => at !== index))
    return saying
  }

  /** Sends the next queued message, also after an answer that did not complete. */
  sendQueued(): void {
    if (this.live) return
    const next = this.unqueue(0)
    if (next) this.send(next)
  }

  /** Sends a refused message again. The same id makes it idempotent: a message that did arrive is not stored twice. */
  resend(turn: Turn): void {
    const { refused: _, ...outgoing } = this.#outgoingOf(turn)
    const same = turn.problem?.code !== 'message_conflict' && outgoing.clientMessageId
    this.#send({ ...outgoing, clientMessageId: same || newClientMessageId() }, this.turns.filter((one) => one !== turn))
  }

  discard(turn: Turn): Saying {
    const { parentId, refused: _, ...saying } = this.#outgoingOf(turn)
    this.transcript.turns = this.turns.filter((one) => one !== turn)
    this.drafts.setOutgoing(this.id, null)
    if (parentId !== undefined) void this.load()
    return saying
  }

  /** Sends a new version of an earlier message, which remains as another branch. */
  edit(turn: Turn, saying: Saying): void {
    if (this.live) return
    const { message } = turn
    this.#send(
      { options: this.drafts.options(this.id), ...saying, clientMessageId: newClientMessageId(), parentId: message.parentId },
      this.#before(turn),
    )
  }

  /** Regenerates an answer. Messages after the old version stay on its branch. */
  regenerate(turn: Turn, model?: { connectionId: number; model: string }): void {
    if (this.live) return
    const before = turn.message
    const tail = this.turns.slice(this.turns.indexOf(turn) + 1)
    const known = before.siblings?.length ? before.siblings : [before.id]
    this.transcript.turns = [...this.#before(turn), turn]
    turn.message = localMessage(this.id, 'assistant', { parentId: before.parentId, siblings: known })
    this.#again(
      turn,
      (again, signal) =>
        chat.regenerate(
          {
            ...this.drafts.options(this.id),
            ...again,
            messageId: before.id,
            ...(model && { connectionId: model.connectionId, model: model.model }),
          },
          signal,
        ),
      () => {
        turn.message = before
        this.transcript.turns = [...this.turns, ...tail]
      },
    )
  }

  /** Continues an answer that did not complete. */
  carryOn(turn: Turn): void {
    if (this.live) return
    const before = turn.message
    turn.message = { ...before, status: 'streaming', error: null, finishReason: null }
    this.#again(turn, (again, signal) => chat.carryOn({ ...this.drafts.options(this.id), ...again }, signal), () => (turn.message = before))
  }

  /** Shows the branch through another version of a message. */
  async switchTo(messageId: number): Promise<void> {
    if (this.live) return
    await this.#removal?.commit()
    await sessions.activate(this.id, messageId)
    await this.load()
    await this.transcript.loadUntil(messageId)
  }

  /** Removes a message and everything after it; for a few seconds the returned function undoes it. */
  remove(turn: Turn, onFailed: (error: unknown) => void): () => void {
    void this.#removal?.commit()
    const { turns } = this
    const removal = new Removal(this.id, turn.message.id, (error) => {
      if (this.#removal === removal) this.#removal = null
      if (error !== null) onFailed(error)
      void this.load()
    })
    this.#removal = removal
    this.#cut(turn.message.id)
    return () => {
      if (!removal.undo()) return
      this.#removal = null
      this.transcript.turns = turns
    }
  }

  #send(outgoing: Outgoing, after: readonly Turn[], onFirstRefused?: (problem: Problem) => boolean): void {
    this.drafts.setOutgoing(this.id, outgoing)
    const { clientMessageId, content, images, options, parentId } = outgoing
    const question = new Turn(localMessage(this.id, 'user', { content, clientMessageId, images: images ?? null }))
    const answer = new Turn(localMessage(this.id, 'assistant'))
    this.transcript.turns = [...after, question, answer]
    const request = {
      ...options, sessionId: this.id, clientMessageId, content,
      ...(images?.length ? { imageIds: images.map((image) => image.id) } : {}),
      ...(parentId !== undefined ? { parentId } : {}),
    }
    this.run.begin(answer, {
      begin: async (signal) => {
        await this.#removal?.commit()
        return chat.send(request, signal)
      },
      onAccepted: (message) => {
        question.message = message
        this.drafts.setOutgoing(this.id, null)
        const before = after.findLast((turn) => turn.message.id > 0)?.message.id ?? null
        // Another device sent a message first; it belongs above this one.
        if (parentId === undefined && message.parentId !== before) void this.transcript.fillAbove(question)
      },
      onRefused: (problem) => {
        if (onFirstRefused?.(problem)) return
        this.transcript.turns = this.turns.filter((turn) => turn !== answer)
        question.problem = problem
        const refused = keep(problem)
        if (refused) this.drafts.setOutgoing(this.id, { ...outgoing, refused })
      },
    })
  }

  #again(
    turn: Turn,
    ask: (again: Pick<AgainRequest, 'messageId' | 'clientMessageId'>, signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>,
    restore: () => void,
  ): void {
    const again = { messageId: turn.message.id, clientMessageId: newClientMessageId() }
    turn.problem = null
    this.run.begin(turn, {
      begin: async (signal) => {
        await this.#removal?.commit()
        return ask(again, signal)
      },
      onRefused: (problem) => {
        restore()
        turn.problem = problem
      },
    })
  }

  #finished(turn: Turn): void {
    void this.memory.answered()
    if (turn.message.status === 'done') this.sendQueued()
    // An answer to a message from another device may be running.
    if (!this.live && this.turns.some((one) => one.message.status === 'streaming')) void this.load()
  }

  #setQueue(queue: readonly Saying[]): void {
    this.#queue = queue
    this.drafts.setQueue(this.id, queue)
  }

  #before(turn: Turn): Turn[] {
    return this.turns.slice(0, this.turns.indexOf(turn))
  }

  #cut(messageId: number): void {
    const at = this.turns.findIndex((turn) => turn.message.id === messageId)
    if (at >= 0) this.transcript.turns = this.turns.slice(0, at)
  }

  #outgoingOf(turn: Turn): Outgoing {
    const { clientMessageId, content, images } = turn.message
    const kept = this.drafts.outgoing(this.id)
    return kept && kept.clientMessageId === clientMessageId
      ? kept
      : { clientMessageId: clientMessageId ?? newClientMessageId(), content, images: images ?? [] }
  }

  /** Restores a message that was being sent when the page closed: shown as not sent, unless the server has it. */
  #restoreOutgoing(items: readonly Message[]): void {
    const outgoing = this.drafts.outgoing(this.id)
    if (!outgoing) return
    const arrived = items.some((message) => message.clientMessageId === outgoing.clientMessageId
      || (message.clientMessageId === undefined && message.role === 'user' && message.content === outgoing.content))
    if (arrived) {
      this.drafts.setOutgoing(this.id, null)
      return
    }
    const { clientMessageId, content, images, refused } = outgoing
    const turn = new Turn(localMessage(this.id, 'user', { content, clientMessageId, images: images ?? null }))
    turn.problem = revive(refused, Date.now())
    this.transcript.turns = [...this.turns, turn]
  }
}
