import { beforeEach, expect, it, vi } from 'vitest'
import { DraftSync } from '../../src/lib/state/draft-sync'
import { Drafts } from '../../src/lib/state/drafts'

const kept = new Map<string, string>()
let there: string
let reachable: boolean
let arrived: () => void

beforeEach(() => {
  kept.clear()
  there = ''
  reachable = true
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('document', Object.assign(new EventTarget(), { baseURI: 'http://chat.test/', hidden: false }))
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  })
  vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
    await Promise.resolve()
    if (!reachable) throw new TypeError('Failed to fetch')
    setTimeout(() => arrived())
    if (init.method === 'GET') return Response.json({ text: there })
    there = init.method === 'DELETE' ? '' : (JSON.parse(init.body as string) as { text: string }).text
    return new Response(null, { status: 204 })
  })
})

/** A browser that has this text, and had the given one in common with the server. */
async function open(here: string, common: string, onAsk: (drafts: Drafts) => void = () => undefined) {
  const drafts = new Drafts()
  drafts.write(5, here)
  drafts.setSynced(5, common)
  const answered = new Promise<void>((resolve) => (arrived = resolve))
  new DraftSync(drafts).open(5, (text) => drafts.write(5, text))
  onAsk(drafts)
  await answered
  await new Promise((resolve) => setTimeout(resolve))
  return drafts.read(5)
}

it('takes over the draft of another device, also that it was sent there', async () => {
  there = 'further'
  expect(await open('begun', 'begun')).toBe('further')
  there = ''
  expect(await open('begun', 'begun')).toBe('')
  there = 'new there'
  expect(await open('', '')).toBe('new there')
})

it('keeps what was typed here since, and sends what only this browser has', async () => {
  there = 'from elsewhere'
  expect(await open('typed in a tunnel', 'begun')).toBe('typed in a tunnel')
  there = 'begun'
  expect(await open('begun and ended', 'begun')).toBe('begun and ended')
  await vi.waitFor(() => expect(there).toBe('begun and ended'))
  // The draft was sent from here, but the response was lost.
  expect(await open('', 'begun and ended')).toBe('')
  await vi.waitFor(() => expect(there).toBe(''))
})

it('never overwrites what is typed while a request is under way', async () => {
  there = 'from elsewhere'
  expect(await open('', '', (drafts) => drafts.write(5, 'quick'))).toBe('quick')
})

it('sends after a pause, and an emptied draft at once', async () => {
  vi.useFakeTimers()
  try {
    arrived = () => undefined
    const drafts = new Drafts()
    const sync = new DraftSync(drafts)
    for (const text of ['a', 'ab', 'abc']) {
      drafts.write(5, text)
      sync.changed(5)
      await vi.advanceTimersByTimeAsync(700)
    }
    expect(there).toBe('')
    await vi.advanceTimersByTimeAsync(1000)
    expect(there).toBe('abc')
    drafts.write(5, '')
    sync.changed(5)
    await vi.advanceTimersByTimeAsync(1)
    expect(there).toBe('')
  } finally {
    vi.useRealTimers()
  }
})
