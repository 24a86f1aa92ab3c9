import type { ChatEvent } from './types'

export interface SseFrame {
  id: number | null
  event: string
  data: string
}

/** Incremental parser for `text/event-stream`. The frames do not depend on how the bytes are split. */
export class SseParser {
  #buffer = ''
  #id: number | null = null
  #event = ''
  #data: string[] = []

  push(text: string): SseFrame[] {
    const frames: SseFrame[] = []
    this.#buffer += text
    let start = 0
    for (;;) {
      const end = this.#buffer.indexOf('\n', start)
      if (end < 0) break
      const line = this.#buffer.slice(start, this.#buffer[end - 1] === '\r' && end > start ? end - 1 : end)
      start = end + 1
      if (line !== '') this.#field(line)
      else this.#dispatch(frames)
    }
    this.#buffer = this.#buffer.slice(start)
    return frames
  }

  #field(line: string): void {
    const colon = line.indexOf(':')
    if (colon === 0) return
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'event') this.#event = value
    else if (name === 'data') this.#data.push(value)
    else if (name === 'id' && /^\d+$/.test(value)) this.#id = Number(value)
  }

  #dispatch(frames: SseFrame[]): void {
    if (this.#data.length > 0) {
      frames.push({ id: this.#id, event: this.#event || 'message', data: this.#data.join('\n') })
    }
    this.#event = ''
    this.#data = []
    this.#id = null
  }
}

const types = new Set<ChatEvent['type']>(['start', 'delta', 'reasoning', 'tool', 'usage', 'quota', 'title', 'retry', 'error', 'done'])

/** Null for a frame that this version of the page does not know; the caller skips it. */
export function toChatEvent(frame: SseFrame): ChatEvent | null {
  if (!types.has(frame.event as ChatEvent['type'])) return null
  try {
    const body: unknown = JSON.parse(frame.data)
    if (typeof body !== 'object' || body === null) return null
    return { ...body, type: frame.event } as ChatEvent
  } catch {
    return null
  }
}

export interface Positioned {
  id: number | null
  event: ChatEvent
}

const known = (frames: SseFrame[]): Positioned[] =>
  frames.flatMap((frame) => {
    const event = toChatEvent(frame)
    return event ? [{ id: frame.id, event }] : []
  })

/** The events of a stream that has ended. */
export const parseEvents = (text: string): Positioned[] => known(new SseParser().push(text))

// The server sends a comment at least every 15 s; three missed ones mean a dead connection behind a proxy.
const silenceMs = 50_000

/** Yields batches: all events of one network chunk together, so that one chunk costs one render. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<Positioned[]> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parser = new SseParser()
  let heard = Date.now()
  // One timer for the whole stream: one for every token would cost more than the token.
  const watch = setInterval(() => {
    if (Date.now() - heard > silenceMs) reader.cancel().catch(() => undefined)
  }, silenceMs / 10)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      heard = Date.now()
      const batch = known(parser.push(decoder.decode(value, { stream: true })))
      if (batch.length > 0) yield batch
    }
  } finally {
    clearInterval(watch)
    reader.cancel().catch(() => undefined)
  }
}
