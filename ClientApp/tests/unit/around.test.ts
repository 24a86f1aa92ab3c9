import { describe, expect, it } from 'vitest'
import { changeOf, formOf } from '../../src/lib/admin/models/form'
import { moved, ordered } from '../../src/lib/admin/models/order'
import { aboutLimit, readLimit, toLimits, typedLimits } from '../../src/lib/admin/users/limits'
import type { Capability, CatalogModel } from '../../src/lib/api/types'
import { modelSections } from '../../src/lib/chat/model-sections'
import { dayBefore, everyDay, niceTop } from '../../src/lib/usage/series'

describe('usage by day', () => {
  const line = (day: string, totalTokens: number) => ({
    day,
    calls: 1,
    promptTokens: 0,
    completionTokens: 0,
    reasoningTokens: 0,
    cachedTokens: 0,
    totalTokens,
    cost: 0,
    saved: 0,
    failed: 0,
  })
  it('has every day, so that the time axis has no gaps', () => {
    expect(
      everyDay([line('2026-02-28', 5), line('2026-03-02', 7)], '2026-02-27', '2026-03-02', 'totalTokens').map((one) => one.value),
    ).toEqual([0, 5, 0, 7])
    expect(dayBefore(new Date('2026-03-01T00:30:00Z'), 1)).toBe('2026-02-28')
  })
  it('has an axis that ends at a round number above the largest', () => {
    expect([0, 1, 3, 7, 12, 99, 4_600].map(niceTop)).toEqual([1, 1, 5, 10, 20, 100, 5_000])
  })
})

describe('limits of a user', () => {
  it('distinguish default, no limit and a number', () => {
    const own = {
      dailyLimit: 5,
      unlimited: false,
      dailyTokenBudget: -1,
      monthlyTokenBudget: null,
      dailyMoneyBudget: 0.5,
      monthlyMoneyBudget: 0,
    }
    const typed = typedLimits(own)
    expect(typed.dailyTokenBudget).toEqual({ text: '', none: true })
    expect(toLimits(typed)).toEqual(own)
    expect(toLimits(typedLimits({ dailyLimit: null, unlimited: true }))).toMatchObject({
      dailyLimit: null,
      unlimited: true,
      dailyMoneyBudget: null,
    })
    expect(['', '0', '5', '1.5', 'x', '-2', '-'].map((text) => readLimit({ text, none: false }, true))).toEqual([
      null,
      0,
      5,
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    expect(readLimit({ text: '1.5', none: false }, false)).toBe(1.5)
    expect(readLimit({ text: 'what stood there before', none: true }, true)).toBe(-1)
    expect(toLimits({ ...typed, dailyMoneyBudget: { text: 'x', none: false } })).toBeNull()
    const i18n = { t: (key: string, params: object = {}) => `${key} ${Object.values(params).join()}`, number: String, tag: 'en' }
    const used = { messages: 12, dayTokens: 0, monthTokens: 0, dayMoney: 0.25, monthMoney: 0, dayEndsAt: '', monthEndsAt: '' }
    expect(aboutLimit('dailyLimit', { defaultUserDailyQuota: 200 }, used, i18n)).toBe('users.limitDefault 200 · users.usedToday 12')
    expect(aboutLimit('dailyLimit', { defaultUserDailyQuota: 200 }, null, i18n, true)).toBe('users.limitDefault users.noLimit ')
    expect(aboutLimit('dailyMoneyBudget', { defaultDailyMoneyBudget: -1 }, used, i18n)).toBe(
      'users.limitDefault users.noLimit  · users.usedToday $0.25',
    )
    expect(aboutLimit('monthlyTokenBudget', null, null, i18n)).toBe('')
  })
})

describe('the form of a model', () => {
  it('sends null for what is left to the provider', () => {
    expect(changeOf(formOf(null))).toEqual({
      change: { name: null, tags: null, capabilities: null, contextLimit: null, maxOutputTokens: null, price: null },
    })
    const form = formOf({
      connectionId: 1,
      model: 'm',
      name: 'M',
      tags: ['fast', '便宜'],
      capabilities: { vision: false },
      price: { input: 1.5, output: 6 },
      contextLimit: 32_000,
    })
    expect(changeOf(form)).toEqual({
      change: {
        name: 'M',
        tags: ['fast', '便宜'],
        capabilities: { vision: false },
        contextLimit: 32_000,
        maxOutputTokens: null,
        price: { input: 1.5, output: 6, cachedInput: null, cacheWrite: null },
      },
    })
    expect(changeOf({ ...form, output: '', contextLimit: 'many' })).toEqual({
      wrong: expect.arrayContaining(['price', 'contextLimit']) as string[],
    })
  })
})

describe('the order of models', () => {
  const model = (name: string, connectionId = 1, hidden = false) => ({
    id: name,
    connectionId,
    model: name,
    name,
    provider: 'openai' as const,
    connectionName: `C${connectionId}`,
    capabilitySource: 'provider',
    hidden,
  })
  it('is by connection, without hidden models and single ones', () => {
    const groups = ordered([model('a'), model('b', 2), model('c'), model('d', 1, true), model('e', 3), model('f', 2)])
    expect(groups.map((group) => [group.name, group.models.map((one) => one.name)])).toEqual([['C1', ['a', 'c']], ['C2', ['b', 'f']]])
  })
  it('changes by one place or to an end, and not beyond', () => {
    const list = ['a', 'b', 'c']
    expect(moved(list, 2, 0)).toEqual(['c', 'a', 'b'])
    expect(moved(list, 0, 1)).toEqual(['b', 'a', 'c'])
    expect(moved(list, 0, 9)).toEqual(['b', 'c', 'a'])
    expect(moved(list, 0, -1)).toBe(list)
    expect(moved(list, 5, 0)).toBe(list)
  })
})

describe('the list of models', () => {
  const model = (id: string, tags: string[] = []): CatalogModel => ({
    id,
    connectionId: 1,
    model: id,
    name: id.toUpperCase(),
    provider: 'openai',
    connectionName: 'Team',
    tags,
  })
  const groups = [
    {
      connectionId: 1,
      name: 'Team',
      demo: false,
      models: ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => model(id, id === 'g' ? ['cheap'] : [])),
    },
  ]
  const none = { query: '', capabilities: [], starred: [], recent: [] }
  it('has favourites first, then those used last, then all', () => {
    const sections = modelSections(groups, { ...none, starred: ['c', 'gone'], recent: ['c', 'b'] })
    expect(sections.map((section) => [section.kind, section.options.map((option) => option.model.id).join('')])).toEqual([
      ['starred', 'c'],
      ['recent', 'b'],
      ['group', 'abcdefg'],
    ])
  })
  it('finds by name, id, tag and provider', () => {
    const found = (query: string) =>
      modelSections(groups, { ...none, query, starred: ['c'], recent: ['b'] })
        .flatMap((section) => section.options.map((option) => option.model.id))
        .join('')
    expect([found('cheap'), found('team G'), found('openai c'), found('nothing')]).toEqual(['g', 'g', 'ccg', ''])
  })
  it('is by who made a model, and by connection where that is unknown', () => {
    const ids = ['gpt-5', 'in-house', 'openrouter/z-ai/glm-4.6', 'anthropic.claude-4', 'o3-mini']
    const mixed = [
      { connectionId: 1, name: 'Team', demo: false, models: ids.map((id) => model(id)) },
      { connectionId: 2, name: 'Team', demo: false, models: ['claude-5', 'own'].map((id) => ({ ...model(id), connectionId: 2 })) },
    ]
    const sections = modelSections(mixed, none)
    expect(sections.map((section) => `${section.name}: ${section.options.map((option) => option.model.id).join(' ')}`)).toEqual([
      'OpenAI: gpt-5 o3-mini',
      'Anthropic: anthropic.claude-4 claude-5',
      'Zhipu: openrouter/z-ai/glm-4.6',
      'Team: in-house',
      'Team: own',
    ])
    expect(new Set(sections.map((section) => section.key)).size).toBe(5)
  })
  it('finds by parts of a name, by the words shown, and by capability', () => {
    const some = [{ connectionId: 1, name: 'Team', demo: false, models: ['GPT-5', 'gpt-4.1', 'Qwen3-VL'].map((id) => ({
      ...model(id), capabilities: { vision: id === 'Qwen3-VL', reasoning: id === 'GPT-5' },
    })) }]
    const words = (one: CatalogModel) => [one.capabilities?.vision ? 'sees images' : '', one.capabilities?.reasoning ? '推理' : ''].join(' ')
    const found = (query: string, capabilities: Capability[] = []) =>
      modelSections(some, { ...none, query, capabilities, words }).flatMap((section) => section.options.map((option) => option.model.id))
    expect(found('gpt5')).toEqual(['GPT-5'])
    expect(found('gpt 41')).toEqual(['gpt-4.1'])
    expect(found('sees')).toEqual(['Qwen3-VL'])
    expect(found('推理 gpt')).toEqual(['GPT-5'])
    expect(found('', ['vision'])).toEqual(['Qwen3-VL'])
    expect(found('', ['vision', 'reasoning'])).toEqual([])
  })
})
