import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Drafts } from '../../src/lib/state/drafts'

const kept = new Map<string, string>()

beforeEach(() => {
  kept.clear()
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  })
})

describe('Drafts', () => {
  it('survive the page and belong to one chat and one account', () => {
    const mine = new Drafts()
    mine.belongTo(1)
    mine.write(5, 'half a tho')
    mine.write('new', 'another')
    const again = new Drafts()
    again.belongTo(1)
    expect([again.read(5), again.read('new'), again.read(6)]).toEqual(['half a tho', 'another', ''])
    again.belongTo(2)
    expect(again.read(5)).toBe('')
  })

  it('keep a message until the server has it', () => {
    const drafts = new Drafts()
    drafts.setOutgoing(5, { clientMessageId: 'abc', content: 'hello' })
    expect(new Drafts().outgoing(5)).toEqual({ clientMessageId: 'abc', content: 'hello' })
    drafts.setOutgoing(5, null)
    expect(kept.size).toBe(0)
  })

  it('ignore what somebody else wrote into the storage', () => {
    kept.set('aichat.outgoing.guest.5', '{"content":7}')
    expect(new Drafts().outgoing(5)).toBeNull()
    kept.set('aichat.outgoing.guest.5', 'not json')
    expect(new Drafts().outgoing(5)).toBeNull()
  })

  it('work without storage', () => {
    vi.stubGlobal('localStorage', undefined)
    const drafts = new Drafts()
    drafts.write(5, 'x')
    expect(drafts.read(5)).toBe('')
  })

  it('keep what waits for its turn, and drop what is not a message', () => {
    const drafts = new Drafts()
    drafts.setQueue(5, [{ content: 'next' }, { content: 'and then', options: { webSearch: true } }])
    expect(new Drafts().queue(5)).toEqual([{ content: 'next' }, { content: 'and then', options: { webSearch: true } }])
    kept.set('aichat.queue.guest.5', '[{"content":"x"},{"content":7},null]')
    expect(drafts.queue(5)).toEqual([{ content: 'x' }])
    kept.set('aichat.queue.guest.5', 'not json')
    expect(drafts.queue(5)).toEqual([])
  })
})
