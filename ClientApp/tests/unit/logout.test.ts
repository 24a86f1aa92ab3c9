import { beforeEach, expect, it, vi } from 'vitest'
import { Auth } from '../../src/lib/state/auth.svelte'

const draft = 'aichat.draft.1.new'
let kept: Record<string, string>
let reached: boolean

/** Its keys are its own members, as they are of a browser's. */
const methods = {
  getItem: (key: string) => kept[key] ?? null,
  setItem: (key: string, value: string) => (kept[key] = value),
  removeItem: (key: string) => Reflect.deleteProperty(kept, key),
}

beforeEach(() => {
  kept = Object.create(methods) as Record<string, string>
  reached = true
  vi.useFakeTimers() // a login is refreshed at intervals
  vi.stubGlobal('localStorage', kept)
  vi.stubGlobal('document', { baseURI: 'https://chat.example/' })
  vi.stubGlobal('fetch', (target: string) => {
    if (!reached) return Promise.reject(new TypeError('Failed to fetch'))
    const me = { user: { id: 1, username: 'ann', role: 'USER' }, quota: null }
    return Promise.resolve(target.endsWith('/me') ? Response.json(me) : new Response(null, { status: 204 }))
  })
})

for (const way of ['logout', 'logoutEverywhere'] as const)
  it(`${way} leaves everything as it is until the server has heard of it`, async () => {
    const auth = new Auth()
    await auth.loadMe()
    kept[draft] = 'half a question'
    const left: string[] = []

    reached = false
    await expect(auth[way](() => left.push(auth.identity))).rejects.toMatchObject({ code: 'offline' })
    expect([auth.identity, left, kept[draft]]).toEqual(['user', [], 'half a question'])

    reached = true
    await auth[way](() => left.push(auth.identity))
    expect([auth.identity, left, Object.keys(kept)]).toEqual(['nobody', ['user'], []])
  })
