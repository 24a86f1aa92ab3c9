import * as chat from '../api/chat'
import { Problem } from '../api/http'
import { readEvents, type Positioned } from '../api/sse'
import { backoffMs, pause } from './backoff'
import { heldStream, Silence } from './silence'

export interface Run {
  sessionId: number
  /** Requests the answer; repeated with the same idempotency key when the network fails before `start`. */
  begin?: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>
  messageId: number | null
  after: number
  signal: AbortSignal
  onEvents: (batch: Positioned[]) => void
  onLink: (connected: boolean) => void
}

const beginAttempts = 4

/** How far one answer has been read, over all its connections. */
class Reading {
  messageId: number | null
  after: number

  constructor(readonly run: Run) {
    this.messageId = run.messageId
    this.after = run.after
  }

  /** Hands events on; true when they were the last ones. */
  take(batch: Positioned[]): boolean {
    for (const { id, event } of batch) {
      if (event.type === 'start') this.messageId = event.assistantMessage.id
      if (id !== null) this.after = id
    }
    this.run.onEvents(batch)
    return batch.some(({ event }) => event.type === 'done')
  }

  open(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const { begin } = this.run
    return this.messageId === null && begin ? begin(signal) : chat.attach(this.messageId ?? 0, this.after, signal)
  }

  /** What the server has beyond this position, by a request that ends at once. Finds an answer whose `start` did not arrive. */
  async more(signal: AbortSignal): Promise<Positioned[]> {
    this.messageId ??= (await chat.running(signal)).find((one) => one.sessionId === this.run.sessionId)?.messageId ?? null
    return this.messageId === null ? [] : chat.catchUp(this.messageId, this.after, signal)
  }
}

/**
 * Reads one answer to its `done`, over any number of connections. Every reconnect resumes after the last event seen, so no event is missed
 * or repeated. A stream that something on the way holds back is given up for short requests. Throws `Problem` when the server refuses,
 * AbortError when the reader leaves; the run itself continues on the server.
 */
export async function followRun(run: Run): Promise<void> {
  const reading = new Reading(run)
  let held = false
  for (let attempt = 0; ; attempt++) {
    const began = () => (attempt = 0)
    try {
      const end: 'done' | 'ended' | 'held' = held ? await poll(reading, began) : await stream(reading, began)
      if (end === 'done') return
      held ||= end === 'held'
      if (end === 'held') continue
      if (reading.messageId === null && attempt + 1 >= beginAttempts) throw new Problem(0, 'offline')
    } catch (error) {
      if (run.signal.aborted) throw error
      if (error instanceof Problem && !mayPass(error, reading.messageId !== null)) throw error
      if (reading.messageId === null && attempt + 1 >= beginAttempts) throw error instanceof Problem ? error : new Problem(0, 'offline')
    }
    run.onLink(false)
    await pause(backoffMs(attempt), run.signal)
  }
}

/** Reads one connection to its end. */
async function stream(reading: Reading, began: () => void): Promise<'done' | 'ended' | 'held'> {
  const { run } = reading
  const link = new AbortController()
  const leave = () => link.abort()
  run.signal.addEventListener('abort', leave)
  if (run.signal.aborted) leave()
  let missed: Positioned[] = []
  const silence = new Silence(
    () => reading.more(link.signal),
    (events) => {
      missed = events
      leave()
    },
  )
  try {
    const body = await reading.open(link.signal)
    run.onLink(true)
    for await (const batch of readEvents(body)) {
      if (link.signal.aborted) break
      silence.end()
      began()
      if (reading.take(batch)) return 'done'
    }
  } catch (error) {
    if (run.signal.aborted || !silence.held) throw error
  } finally {
    silence.stop()
    run.signal.removeEventListener('abort', leave)
  }
  if (!silence.held) return 'ended'
  return reading.take(missed) ? 'done' : 'held'
}

/** Asks again and again for what is new, less often while there is nothing. */
async function poll(reading: Reading, began: () => void): Promise<'done'> {
  for (let empty = 0; ; empty++) {
    await pause(Math.min(heldStream.askMs * 2 ** empty, heldStream.maxAskMs), reading.run.signal)
    const events = await reading.more(reading.run.signal)
    reading.run.onLink(true)
    if (events.length === 0) continue
    empty = 0
    began()
    if (reading.take(events)) return 'done'
  }
}

/** Whether a retry may succeed soon: no network, or a proxy in front of a restarting server. */
function mayPass(problem: Problem, started: boolean): boolean {
  if (problem.status === 0 || problem.code.startsWith('http_5')) return true
  return started && (problem.status >= 500 || problem.status === 429 || problem.code === 'foreign_page')
}
