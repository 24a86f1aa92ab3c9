import { describe, expect, it } from 'vitest'
import { readEvents, SseParser, toChatEvent, type SseFrame } from '../../src/lib/api/sse'

const wire =
  ': hello\n\nid: 1\nevent: delta\ndata: {"text":"a\\n\\ndata: x"}\n\n' +
  'retry: 2000\n\nid: 9\r\nevent: done\r\ndata: {"messageId":4,"status":"done"}\r\n\r\n'

function parse(parts: string[]): SseFrame[] {
  const parser = new SseParser()
  return parts.flatMap((part) => parser.push(part))
}

describe('SseParser', () => {
  it('reads frames, ids and skips comments', () => {
    expect(parse([wire])).toEqual([
      { id: 1, event: 'delta', data: '{"text":"a\\n\\ndata: x"}' },
      { id: 9, event: 'done', data: '{"messageId":4,"status":"done"}' },
    ])
  })

  it('gives the same frames for every split of the text', () => {
    const whole = parse([wire])
    for (let at = 0; at <= wire.length; at++) expect(parse([wire.slice(0, at), wire.slice(at)])).toEqual(whole)
    expect(parse([...wire])).toEqual(whole)
  })

  it('joins several data lines and keeps the rest of a cut frame to itself', () => {
    expect(parse(['data: a\ndata: b\n\ndata: lost'])).toEqual([{ id: null, event: 'message', data: 'a\nb' }])
  })
})

describe('toChatEvent', () => {
  it('skips what this page does not know', () => {
    expect(toChatEvent({ id: 1, event: 'execute', data: '{}' })).toBeNull()
    expect(toChatEvent({ id: 1, event: 'delta', data: 'not json' })).toBeNull()
    expect(toChatEvent({ id: 1, event: 'delta', data: '7' })).toBeNull()
  })

  it('never lets the body name its own type', () => {
    expect(toChatEvent({ id: 1, event: 'delta', data: '{"type":"done","text":"x"}' })).toEqual({ type: 'delta', text: 'x' })
  })
})

describe('readEvents', () => {
  it('decodes characters that are split over chunks', async () => {
    const bytes = new TextEncoder().encode('id: 2\nevent: delta\ndata: {"text":"中文🙂"}\n\n')
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
        controller.close()
      },
    })
    const seen = []
    for await (const batch of readEvents(body)) seen.push(...batch)
    expect(seen).toEqual([{ id: 2, event: { type: 'delta', text: '中文🙂' } }])
  })
})
