import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Removal } from '../../src/lib/state/removal'

const kept = new Map<string, string>()
const asked: string[] = []
let answer: () => Promise<Response>

beforeEach(() => {
  kept.clear()
  asked.length = 0
  answer = () => Promise.resolve(new Response(null, { status: 204 }))
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  vi.stubGlobal('leave', () => page.dispatchEvent(new Event('pagehide')))
  vi.stubGlobal('document', { baseURI: 'http://chat.test/' })
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  })
  vi.stubGlobal('fetch', (address: string | URL, init: RequestInit) => {
    asked.push(`${init.method} ${new URL(address, 'http://chat.test/').pathname}`)
    return answer()
  })
})

const removed = 'DELETE /api/sessions/7/messages/21'

describe('Removal', () => {
  it('is finished by the page that comes after, before it reads the messages', async () => {
    new Removal(7, 21, () => undefined)
    ;(globalThis as unknown as { leave: () => void }).leave()
    expect(asked).toEqual([removed])
    let arrived: () => void = () => undefined
    answer = () => new Promise((resolve) => (arrived = () => resolve(new Response(null, { status: 204 }))))
    let finished = false
    const finishing = Removal.finish(7).then(() => (finished = true))
    await Promise.resolve()
    expect([asked, finished]).toEqual([[removed, removed], false])
    arrived()
    await finishing
    await Removal.finish(7)
    expect(asked.length).toBe(2)
  })

  it('leaves nothing behind when it is undone, done or refused', async () => {
    const undone = new Removal(7, 21, () => undefined)
    expect(undone.undo()).toBe(true)
    await Removal.finish(7)
    expect(asked).toEqual([])
    answer = () => Promise.resolve(Response.json({ code: 'internal' }, { status: 500 }))
    const errors: unknown[] = []
    await new Removal(7, 21, (error) => errors.push(error)).commit()
    await Removal.finish(7)
    expect([asked, errors.length, kept.size]).toEqual([[removed], 1, 0])
  })
})
