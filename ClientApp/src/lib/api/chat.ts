import { get, json, send as http, write } from './http'
import { parseEvents, type Positioned } from './sse'
import type { AgainRequest, RunningAnswer, SendRequest } from './types'

async function events(response: Promise<Response>): Promise<ReadableStream<Uint8Array>> {
  const { body } = await response
  if (!body) throw new Error('empty stream')
  return body
}

export const send = (request: SendRequest, signal: AbortSignal) =>
  events(http('POST', 'api/chat/stream', { ...json(request), signal }))
/** Writes another version of that answer, as its sibling. */
export const regenerate = (request: AgainRequest, signal: AbortSignal) =>
  events(http('POST', 'api/chat/regenerate', { ...json(request), signal }))
/** Continues that answer in place. */
export const carryOn = (request: AgainRequest, signal: AbortSignal) =>
  events(http('POST', 'api/chat/continue', { ...json(request), signal }))
export const attach = (messageId: number, after: number, signal: AbortSignal) =>
  events(http('GET', `api/chat/stream/${messageId}`, { signal }, { after }))
/** What the answer has said after that event, by a request that ends at once. */
export const catchUp = async (messageId: number, after: number, signal: AbortSignal): Promise<Positioned[]> =>
  parseEvents(await (await http('GET', `api/chat/stream/${messageId}`, { signal }, { after, follow: false })).text())
export const stop = (messageId: number) => write('POST', 'api/chat/stop', { messageId })
export const running = async (signal?: AbortSignal) => {
  const answer = await get<RunningAnswer[] | { items: RunningAnswer[] }>('api/chat/runs', {}, signal)
  return Array.isArray(answer) ? answer : answer.items
}
