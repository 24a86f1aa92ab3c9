import { describe, expect, it } from 'vitest'
import type { Session } from '../../src/lib/api/types'
import { namesAnotherHost, safeUrl, decodeEntities } from '../../src/lib/markdown/inline'
import { addressOf, looksLocal, presets, toInput, wholeAddress } from '../../src/lib/setup/presets'
import { backoffMs } from '../../src/lib/state/backoff'
import { groupByDate } from '../../src/lib/state/date-groups'
import { describeAgent } from '../../src/lib/settings/user-agent'
import { searchModels } from '../../src/lib/chat/model-search'

describe('links', () => {
  it('lead to http, https and mailto only, however they are spelt', () => {
    for (const bad of [
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      'java\nscript:alert(1)',
      ' javascript:x',
      'data:text/html,x',
      'vbscript:x',
      'blob:x',
      'file:///etc/passwd',
      '/relative',
      '#hash',
      'https://user:pw@evil.example/',
    ]) {
      expect(safeUrl(bad), bad).toBeNull()
    }
    expect(safeUrl('HTTPS://Example.com/a')?.href).toBe('https://example.com/a')
    expect(safeUrl('mailto:a@b.c')?.protocol).toBe('mailto:')
  })

  it('ask when their text names another site', () => {
    const target = new URL('https://evil.example/x')
    expect(namesAnotherHost('https://bank.com/login', target)).toBe(true)
    expect(namesAnotherHost('bank.com', target)).toBe(true)
    expect(namesAnotherHost('www.evil.example', target)).toBe(false)
    expect(namesAnotherHost('the article', target)).toBe(false)
  })

  it('show entities as the characters they mean', () => {
    expect(decodeEntities('a &lt;b&gt; &amp;amp; &#39;&#x4e2d; &unknown;')).toBe("a <b> &amp; '中 &unknown;")
  })
})

describe('presets', () => {
  it('fall back to the OpenAI-compatible address', () => {
    for (const preset of presets) expect(addressOf(preset, ['openai']), preset.id).not.toBeNull()
    for (const preset of presets)
      if (preset.id === 'anthropic') expect(addressOf(preset, ['openai', 'anthropic'])?.provider).toBe('anthropic')
  })

  it('know which addresses are near', () => {
    for (const near of ['http://localhost:1234/v1', 'http://192.168.1.5/v1', 'http://ollama:11434', 'http://10.0.0.1', 'http://[::1]:80'])
      expect(looksLocal(near), near).toBe(true)
    for (const near of ['http://[fd00::1]/v1', 'http://nas.lan', 'http://box.local:8080', 'http://100.64.0.7'])
      expect(looksLocal(near), near).toBe(true)
    for (const far of ['https://api.openai.com/v1', 'https://172.15.0.1', 'nonsense']) expect(looksLocal(far), far).toBe(false)
    // A host that only begins or ends like a private name is not private.
    for (const far of [
      'https://fdn.example.org',
      'https://localhost.example.org',
      'https://10.example.org',
      'https://api.local.example.org',
    ])
      expect(looksLocal(far), far).toBe(false)
  })

  it('make a typed address whole, as people type and paste it', () => {
    for (const [typed, whole] of [
      ['', ''],
      [' https://a.example/v1/ ', 'https://a.example/v1'],
      ['a.example/v1', 'https://a.example/v1'],
      ['//a.example', 'https://a.example'],
      ['localhost:11434', 'http://localhost:11434'],
      ['ollama:11434', 'http://ollama:11434'],
      ['[::1]:8080/v1', 'http://[::1]:8080/v1'],
      ['192.168.1.5', 'http://192.168.1.5'],
      ['HTTP://a.example', 'HTTP://a.example'],
      ['https：／／a。example/v1', 'https://a.example/v1'],
      ['https://a.example/v1//', 'https://a.example/v1'],
      ['https://api.example/chat/completions', 'https://api.example'],
      ['https://a.example/v1/models', 'https://a.example/v1'],
      ['https://a.example/models-api', 'https://a.example/models-api'],
    ] as const) {
      expect(wholeAddress(typed), typed).toBe(whole)
      expect(wholeAddress(whole), typed).toBe(whole)
    }
  })

  it('are addresses over TLS, each vendor once, also abroad', () => {
    const all = presets.flatMap((preset) => [preset.native.baseUrl, preset.abroad ?? '']).filter((url) => url !== '')
    expect(new Set(all).size).toBe(all.length)
    for (const url of all) if (!looksLocal(url)) expect(url).toMatch(/^https:\/\/[\w.-]+(\/[\w/.-]+)?$/)
    for (const id of ['qwen', 'glm', 'kimi', 'siliconflow', 'volcengine', 'minimax', 'xai', 'mistral', 'groq'])
      expect(
        presets.some((preset) => preset.id === id),
        id,
      ).toBe(true)
  })

  it('ask without a key when none is given', () => {
    const custom = presets.at(-1)
    const address = custom && addressOf(custom, ['openai'])
    if (!address) throw new Error('no custom preset')
    expect(toInput('x', address, 'http://localhost/v1 ', '', true)).toMatchObject({ authType: 'none', baseUrl: 'http://localhost/v1' })
    expect(toInput('x', address, 'http://localhost/v1', ' k ', true)).toMatchObject({ authType: 'bearer', key: 'k' })
  })
})

describe('the chat list', () => {
  const at = (iso: string, id: number): Session => ({ id, title: '', connectionId: null, model: null, createdAt: iso, updatedAt: iso })

  it('is grouped by the reader\'s own days', () => {
    const now = new Date(2026, 10, 23, 12)
    const iso = (...parts: [number, number, number, number]) => new Date(...parts).toISOString()
    const groups = groupByDate(
      [
        at(iso(2026, 10, 23, 0), 1),
        at(iso(2026, 10, 22, 23), 2),
        at(iso(2026, 10, 18, 9), 3),
        at(iso(2026, 10, 1, 9), 4),
        at(iso(2026, 8, 1, 9), 5),
        at(iso(2026, 8, 20, 9), 6),
      ],
      now,
    )
    expect(groups.map((group) => [group.key, group.sessions.length])).toEqual([
      ['today', 1],
      ['yesterday', 1],
      ['week', 1],
      ['month', 1],
      ['2026-9', 2],
    ])
  })
})

describe('small things', () => {
  it('back off with jitter and a ceiling', () => {
    expect(backoffMs(0, () => 0)).toBe(250)
    expect(backoffMs(30, () => 1)).toBe(15_250)
  })

  it('name a device', () => {
    expect(describeAgent('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18 Safari/604.1')).toEqual({
      browser: 'Safari',
      system: 'iPhone',
    })
    expect(describeAgent('')).toBeNull()
  })

  it('find models by every word', () => {
    const model = {
      id: 'o.gpt-x',
      connectionId: 1,
      model: 'gpt-x',
      name: 'GPT X',
      provider: 'openai' as const,
      connectionName: 'Office',
      tags: ['fast'],
    }
    const groups = [{ connectionId: 1, name: 'Office', demo: false, models: [model] }]
    expect(searchModels(groups, 'fast gpt')).toHaveLength(1)
    expect(searchModels(groups, 'fast claude')).toHaveLength(0)
  })
})
