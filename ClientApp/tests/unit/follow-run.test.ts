import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Positioned } from '../../src/lib/api/sse'
import { followRun } from '../../src/lib/state/follow-run'
import { heldStream } from '../../src/lib/state/silence'

const frame = (id: number, event: string, data: unknown) => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
const start = frame(1, 'start', { sessionId: 3, assistantMessage: { id: 7 } })
const delta = (id: number, text: string) => frame(id, 'delta', { text })
const done = (id: number) => frame(id, 'done', { messageId: 7, status: 'done' })
const sse = { 'Content-Type': 'text/event-stream' }

/** A stream that says what it is given, when it is given it. */
function pipe() {
  let out: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (out = controller) })
  /** As a browser does, the stream fails when its request is aborted. */
  const answer = (signal: AbortSignal | null) => {
    signal?.addEventListener('abort', () => out?.error(new DOMException('aborted', 'AbortError')))
    return new Response(body, { headers: sse })
  }
  return { answer, say: (text: string) => out?.enqueue(new TextEncoder().encode(text)) }
}

type Answer = (address: URL, signal: AbortSignal | null) => Response | Promise<Response>
let answers: Answer
let asked: string[] = []
beforeEach(() => {
  asked = []
  vi.useFakeTimers()
  vi.stubGlobal('document', { baseURI: 'http://chat.test/below/' })
  vi.stubGlobal('addEventListener', () => undefined)
  vi.stubGlobal('removeEventListener', () => undefined)
  vi.stubGlobal('fetch', (target: string, init: RequestInit) => {
    const address = new URL(target)
    asked.push(`${init.method ?? 'GET'} ${address.pathname.replace('/below/', '')}${address.search}`)
    return new Promise<Response>((resolve, reject) => {
      init.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
      void Promise.resolve(answers(address, init.signal ?? null)).then(resolve, reject)
    })
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function follow(begin?: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>) {
  const events: Positioned[] = []
  const leave = new AbortController()
  const end = followRun({
    sessionId: 3,
    ...(begin ? { begin } : {}),
    messageId: begin ? null : 7,
    after: 0,
    signal: leave.signal,
    onEvents: (batch) => events.push(...batch),
    onLink: () => undefined,
  })
  const said = () => events.flatMap(({ event }) => (event.type === 'delta' ? [event.text] : [])).join('')
  return { end, said, leave, ids: () => events.map(({ id }) => id) }
}

describe('a stream that is held back', () => {
  it('is given up for short requests, and nothing is lost or repeated', async () => {
    const stream = pipe()
    let has = [start, delta(2, 'one '), delta(3, 'two ')]
    answers = (address, signal) => {
      if (address.searchParams.get('follow') !== 'false') return stream.answer(signal)
      const after = Number(address.searchParams.get('after'))
      return new Response(has.filter((text) => Number(/id: (\d+)/.exec(text)?.[1]) > after).join(''), { headers: sse })
    }
    const run = follow()
    await vi.advanceTimersByTimeAsync(heldStream.quietMs - 1)
    expect(run.said()).toBe('')
    await vi.advanceTimersByTimeAsync(1 + heldStream.graceMs)
    expect(run.said()).toBe('one two ')
    has = [...has, delta(4, 'three'), done(5)]
    await vi.advanceTimersByTimeAsync(heldStream.askMs)
    await run.end
    expect(run.said()).toBe('one two three')
    expect(run.ids()).toEqual([1, 2, 3, 4, 5])
  })

  it('is found also before its first event, by the list of running answers', async () => {
    answers = (address) => {
      if (address.pathname.endsWith('/runs'))
        return Response.json([{ sessionId: 2, messageId: 6 }, { sessionId: 3, messageId: 7 }])
      return new Response(start + delta(2, 'all') + done(3), { headers: sse })
    }
    const run = follow((signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('left')))))
    await vi.advanceTimersByTimeAsync(heldStream.quietMs + heldStream.graceMs)
    await run.end
    expect(run.said()).toBe('all')
    expect(asked).toEqual(['GET api/chat/runs', 'GET api/chat/stream/7?after=0&follow=false'])
  })
})

describe('a stream that is only silent', () => {
  it('is kept as long as the server has nothing more', async () => {
    const stream = pipe()
    answers = (address, signal) =>
      address.searchParams.has('follow') ? new Response('retry: 2000\n\n', { headers: sse }) : stream.answer(signal)
    const run = follow()
    stream.say(start)
    for (let second = 0; second < 120; second += 15) {
      await vi.advanceTimersByTimeAsync(15_000)
      stream.say(': \n\n')
    }
    expect(asked.filter((one) => !one.includes('follow'))).toEqual(['GET api/chat/stream/7?after=0'])
    expect(asked.length).toBeGreaterThan(20)
    run.leave.abort()
    await expect(run.end).rejects.toThrow()
  })

  it('is kept when what the server has arrives at that moment', async () => {
    const stream = pipe()
    answers = (address, signal) => {
      if (!address.searchParams.has('follow')) return stream.answer(signal)
      if (address.searchParams.get('after') === '2') return new Response('', { headers: sse })
      setTimeout(() => stream.say(start + delta(2, 'slow')), 100)
      return new Response(start + delta(2, 'slow'), { headers: sse })
    }
    const run = follow()
    await vi.advanceTimersByTimeAsync(heldStream.quietMs + heldStream.graceMs)
    stream.say(done(3))
    await vi.advanceTimersByTimeAsync(10)
    await run.end
    expect(run.ids()).toEqual([1, 2, 3])
  })
})

describe('an answer that is not the server’s', () => {
  const html = (status: number) => new Response('<html>', { status, headers: { 'Content-Type': 'text/html' } })
  const begin = async (signal: AbortSignal) => {
    const { send } = await import('../../src/lib/api/chat')
    return send({ sessionId: 3, content: 'hi', clientMessageId: 'a' }, signal)
  }

  it('is not taken for a stream', async () => {
    answers = () => html(200)
    await expect(follow(begin).end).rejects.toMatchObject({ code: 'foreign_page' })
    answers = () => html(413)
    await expect(follow(begin).end).rejects.toMatchObject({ code: 'http_413', status: 413 })
    answers = () => Object.defineProperty(new Response(null), 'type', { value: 'opaqueredirect' })
    await expect(follow(begin).end).rejects.toMatchObject({ code: 'foreign_page' })
  })

  it('neither ends a login nor hides that the server is away', async () => {
    const { get, whenSignedOut } = await import('../../src/lib/api/http')
    const out = vi.fn()
    whenSignedOut(out)
    const expired = () => Response.json({ code: 'unauthenticated' }, { status: 401 })
    for (const [status, code] of [[502, 'http_502'], [200, 'foreign_page'], [401, 'http_401']] as const) {
      answers = (address) => (address.pathname.endsWith('/refresh') ? html(status) : expired())
      await expect(get('api/auth/me')).rejects.toMatchObject({ code })
    }
    expect(out).not.toHaveBeenCalled()
    answers = expired
    await expect(get('api/auth/me')).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(out).toHaveBeenCalledOnce()
  })
})
