import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Problem } from '../../src/lib/api/http'
import { addresses, clientSetups } from '../../src/lib/keys/clients'
import { Drafts } from '../../src/lib/state/drafts'
import { keep, revive, unsent } from '../../src/lib/state/refusal'

const kept = new Map<string, string>()

beforeEach(() => {
  kept.clear()
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  })
})

describe('a refusal', () => {
  it('is kept with its reason and its end, and revived until then', () => {
    const drafts = new Drafts()
    const refused = keep(new Problem(429, 'quota_exceeded', 'text', {}, 3600))
    if (!refused) throw new Error('not kept')
    drafts.setOutgoing(5, { clientMessageId: 'a', content: 'hello', refused })
    const found = new Drafts().outgoing(5)?.refused
    const now = Date.now()
    expect(revive(found, now)).toMatchObject({ status: 429, code: 'quota_exceeded' })
    expect(Math.abs((revive(found, now).retryAfterSeconds ?? 0) - 3600)).toBeLessThan(5)
    expect(revive(found, now + 3_700_000).code).toBe(unsent)
    expect(revive(undefined, now).code).toBe(unsent)
    expect(revive({ status: 422, code: 'model_cannot_see', againAt: null }, now)).toMatchObject({ code: 'model_cannot_see', againAt: null })
  })

  it('is not stored when offline or signed out, and not trusted when it is malformed', () => {
    expect(keep(new Problem(0, 'offline'))).toBeNull()
    expect(keep(new Problem(401, 'unauthenticated'))).toBeNull()
    for (const refused of ['quota_exceeded', null, { code: 7 }, { status: 429, code: 'x', againAt: 'soon' }]) {
      kept.set('aichat.outgoing.guest.5', JSON.stringify({ clientMessageId: 'a', content: 'hello', refused }))
      // The message itself is not lost.
      expect(new Drafts().outgoing(5)).toEqual({ clientMessageId: 'a', content: 'hello' })
    }
  })
})

describe('lines for programs', () => {
  it('have the address each wants, below a path too', () => {
    expect(addresses('https://a.example/chat')).toEqual({ openai: 'https://a.example/chat/v1', anthropic: 'https://a.example/chat' })
    const lines = (id: string) =>
      clientSetups('https://a.example', 'sk-key', 'gpt', 'AiChat')
        .find((one) => one.id === id)
        ?.parts.map((part) => part.lines)
        .join('\n') ?? ''
    expect(lines('claude')).toContain("ANTHROPIC_BASE_URL='https://a.example'")
    expect(lines('codex')).toContain('base_url = "https://a.example/v1"')
    expect(lines('codex')).toContain('wire_api = "responses"')
    expect(lines('cherry')).not.toContain('/v1')
    for (const id of ['openai-py', 'openai-js', 'ai-sdk']) expect(lines(id)).toContain("OPENAI_BASE_URL='https://a.example/v1'")
    for (const id of ['anthropic-py', 'anthropic-js']) expect(lines(id)).toContain("ANTHROPIC_BASE_URL='https://a.example'\n")
  })

  it('are escaped for any name of a model or an installation', () => {
    const model = 'it\'s "quoted" $HOME `x` \\ end'
    const setups = clientSetups('https://a.example', "sk-'", model, 'Ann "A" Co')
    const file = setups.find((one) => one.id === 'opencode')?.parts.at(-1)?.lines ?? ''
    expect(JSON.parse(file)).toMatchObject({
      model: `aichat/${model}`,
      provider: { aichat: { name: 'Ann "A" Co', models: { [model]: {} }, options: { apiKey: '{env:AICHAT_KEY}' } } },
    })
    const shell = setups.find((one) => one.id === 'claude')?.parts[0]?.lines ?? ''
    expect(shell).toContain(String.raw`export ANTHROPIC_AUTH_TOKEN='sk-'\'''`)
    expect(setups.filter((one) => one.parts.some((part) => part.place.startsWith('~') && part.lines.includes("sk-'")))).toEqual([])
  })
})
