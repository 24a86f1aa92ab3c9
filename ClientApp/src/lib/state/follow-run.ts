import * as chat from '../api/chat'
import { Problem } from '../api/http'
import { readEvents, type Positioned } from '../api/sse'
import { backoffMs, pause } from './backoff'

export interface Run {
  /** Requests the answer; repeated with the same idempotency key when the network fails before `start`. */
  begin?: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>
  messageId: number | null
  after: number
  signal: AbortSignal
  onEvents: (batch: Positioned[]) => void
  onLink: (connected: boolean) => void
}

const beginAttempts = 4

/**
 * Reads one answer to its `done`, over any number of connections. Every reconnect resumes after the last event seen, so no event is missed
 * or repeated. Throws `Problem` when the server refuses, AbortError when the reader leaves; the run itself continues on the
 * server.
 */
export async function followRun(run: Run): Promise<void> {
  let { messageId, after } = run
  for (let attempt = 0; ; attempt++) {
    try {
      const body = messageId === null && run.begin
        ? await run.begin(run.signal)
        : await chat.attach(messageId ?? 0, after, run.signal)
      run.onLink(true)
      for await (const batch of readEvents(body)) {
        attempt = 0
        for (const { id, event } of batch) {
          if (event.type === 'start') messageId = event.assistantMessage.id
          if (id !== null) after = id
        }
        run.onEvents(batch)
        if (batch.some(({ event }) => event.type === 'done')) return
      }
    } catch (error) {
      if (run.signal.aborted) throw error
      if (error instanceof Problem && !mayPass(error, messageId !== null)) throw error
      if (messageId === null && attempt + 1 >= beginAttempts) throw error instanceof Problem ? error : new Problem(0, 'offline')
    }
    run.onLink(false)
    await pause(backoffMs(attempt), run.signal)
  }
}

/** Whether a retry may succeed soon: no network, or a proxy in front of a restarting server. */
function mayPass(problem: Problem, started: boolean): boolean {
  if (problem.status === 0 || problem.code.startsWith('http_5')) return true
  return started && (problem.status >= 500 || problem.status === 429)
}
