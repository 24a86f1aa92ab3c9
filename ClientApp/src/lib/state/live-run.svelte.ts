import * as chat from '../api/chat'
import { nextTask } from '../browser/tasks'
import { Problem } from '../api/http'
import type { Positioned } from '../api/sse'
import type { ChatEvent, Message } from '../api/types'
import { followRun, type Run } from './follow-run'
import { applyEvent } from './reduce'
import type { Turn } from './turn.svelte'

export interface RunEvents {
  onEvent: (sessionId: number, event: ChatEvent) => void
  /** The id of the answer being written, or null when none is. */
  onRunning: (sessionId: number, messageId: number | null) => void
}

/** The request for an answer, and the callbacks for its outcome. */
export interface Start {
  begin: NonNullable<Run['begin']>
  onAccepted?: (question: Message) => void
  onRefused: (problem: Problem) => void
}

/** The running answer of one chat and the connection that reads it. */
export class LiveRun {
  #turn = $state.raw<Turn | null>(null)
  #connected = $state(true)
  #stopping = $state(false)
  #reader: AbortController | null = null
  #position = 0
  #visible = false
  #frame: Positioned[] = []
  #changes = 0

  constructor(
    private readonly sessionId: number,
    private readonly events: RunEvents,
    private readonly onFinished: (turn: Turn) => void,
    private readonly onLost: () => void,
  ) {}

  /** The running answer, also before the server has stored it. */
  get turn() {
    return this.#turn
  }
  get connected() {
    return this.#connected
  }
  get stopping() {
    return this.#stopping
  }
  get reading() {
    return this.#reader !== null
  }
  /** Counts starts and ends of answers: a response to a request sent before the last change is outdated. */
  get changes() {
    return this.#changes
  }

  show(): void {
    this.#visible = true
    this.#attach()
  }

  /** Stops reading while off screen: the run continues on the server, and one connection per tab is enough. */
  hide(): void {
    this.#visible = false
    if (this.#turn) this.#letGo(this.#turn)
  }

  /** Without a held connection: reads the missed events and disconnects. */
  async peek(): Promise<void> {
    const turn = this.#turn
    if (!turn || this.#reader || turn.message.id < 0) return
    const timer = setTimeout(() => { if (!this.#visible) this.#reader?.abort() }, peekMs)
    await this.#run(turn, { messageId: turn.message.id, after: this.#position }, { onRefused: this.onLost })
    clearTimeout(timer)
  }

  /** Follows an answer that was found running, from the position of its snapshot. */
  adopt(turn: Turn | null): void {
    this.#turn = turn
    this.#position = turn?.message.eventId ?? 0
    this.#attach()
  }

  begin(turn: Turn, start: Start): void {
    void this.#run(turn, { messageId: null, after: 0, begin: start.begin }, start)
  }

  async stop(): Promise<void> {
    const id = this.#turn?.message.id
    if (id === undefined || id < 0 || this.#stopping) return
    this.#stopping = true
    try {
      await chat.stop(id)
    } finally {
      this.#stopping = false
    }
  }

  #attach(): void {
    const turn = this.#turn
    if (!turn || this.#reader || !this.#visible || turn.message.id < 0) return
    void this.#run(turn, { messageId: turn.message.id, after: this.#position }, { onRefused: this.onLost })
  }

  async #run(turn: Turn, from: Pick<Run, 'begin' | 'messageId' | 'after'>, start: Pick<Start, 'onAccepted' | 'onRefused'>): Promise<void> {
    const reader = new AbortController()
    this.#reader = reader
    this.#turn = turn
    this.#changes++
    try {
      await followRun({
        ...from,
        sessionId: this.sessionId,
        signal: reader.signal,
        onLink: (connected) => (this.#connected = connected),
        onEvents: (batch) => this.#receive(batch, turn, start),
      })
      this.#flush(turn)
      this.#end()
      this.onFinished(turn)
    } catch (error) {
      this.#flush(turn)
      if (!reader.signal.aborted) {
        this.#end()
        start.onRefused(error instanceof Problem ? error : new Problem(0, 'offline'))
      }
    } finally {
      if (this.#reader === reader) this.#reader = null
      this.#connected = true
      // The chat may have been shown again while the old connection was closing.
      this.#attach()
    }
  }

  #receive(batch: Positioned[], turn: Turn, start: Pick<Start, 'onAccepted'>): void {
    for (const { id, event } of batch) {
      if (id !== null) this.#position = id
      if (event.type === 'start') {
        if (event.userMessage) start.onAccepted?.(event.userMessage)
        this.events.onRunning(this.sessionId, event.assistantMessage.id)
      }
      this.events.onEvent(this.sessionId, event)
    }
    if (this.#frame.length === 0) nextDrawing(() => this.#flush(turn))
    this.#frame.push(...batch)
  }

  /** Applies all received events in one rendering, however many tokens they are. */
  #flush(turn: Turn): void {
    if (this.#frame.length === 0) return
    turn.message = this.#frame.reduce((message, { event }) => applyEvent(message, event), turn.message)
    this.#frame = []
    this.#letGo(turn)
  }

  /** Disconnects a hidden chat. Without an id the answer could not be resumed, so the connection is kept until it has one. */
  #letGo(turn: Turn): void {
    if (!this.#visible && turn.message.id > 0) this.#reader?.abort()
  }

  #end(): void {
    this.#turn = null
    this.#changes++
    this.events.onRunning(this.sessionId, null)
  }
}

const peekMs = 1000

// 25 renderings a second look like flowing text and leave the other frames for input.
const drawMs = 40
// Where a rendering takes long, as on a phone, this many times as long is left for scrolling and typing.
const pauseTimes = 3
const maxPauseMs = 400
const frameMs = 16
let tookMs = 0

function nextDrawing(run: () => void): void {
  // A hidden page gets no animation frames, but its state must advance.
  if (document.hidden) setTimeout(run, 100)
  else setTimeout(() => requestAnimationFrame(() => timed(run)), Math.min(maxPauseMs, Math.max(drawMs, tookMs * pauseTimes)) - frameMs)
}

/** The next task begins after the frame is laid out and painted. */
function timed(run: () => void): void {
  const began = performance.now()
  run()
  void nextTask().then(() => (tookMs = performance.now() - began))
}
