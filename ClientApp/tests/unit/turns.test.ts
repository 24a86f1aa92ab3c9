import { describe, expect, it } from 'vitest'
import type { Message } from '../../src/lib/api/types'
import { matching, filled, slashOf } from '../../src/lib/composer/prompts'
import { queryOf, readable, sourcesOf } from '../../src/lib/chat/sources'
import { isSend } from '../../src/lib/composer/keys'
import { endOf } from '../../src/lib/chat/turn-end'
import { facts } from '../../src/lib/chat/turn-facts'

const message: Message = {
  id: 7,
  sessionId: 1,
  parentId: 6,
  role: 'assistant',
  content: 'text',
  status: 'done',
  createdAt: '2026-11-23T08:00:00.000Z',
}
const words = {
  t: (key: string, params: object = {}) => `${key} ${Object.values(params).join(' ')}`.trim(),
  code: (code: string) => code,
  quoted: (text: string) => text, problem: () => 'problem',
  number: String,
  date: () => 'date',
  tag: 'en',
}
const end = (fields: Partial<Message>) => {
  const found = endOf({ message: { ...message, ...fields }, problem: null }, words)
  return found && [found.text, found.carryOn, found.retry]
}

describe('the end of an answer', () => {
  it('has no text for one that completed', () => {
    expect(end({})).toBeNull()
  })

  it('names the reason, and offers to go on only where something begun is', () => {
    expect(end({ status: 'stopped' })).toEqual(['chat.stopped', true, true])
    expect(end({ status: 'stopped', content: '' })).toEqual(['chat.stopped', false, true])
    expect(end({ status: 'failed', error: { code: 'provider_unauthorized' } })).toEqual(['chat.failed provider_unauthorized', true, true])
    expect(end({ finishReason: 'length' })).toEqual(['chat.lengthCut', true, false])
    expect(end({ finishReason: 'content_filter' })).toEqual(['chat.filtered', false, true])
    expect(end({ content: '' })).toEqual(['chat.emptyAnswer', false, true])
  })
})

describe('what is known about an answer', () => {
  it('shows time, tokens, speed and small costs, and leaves out the unknown', () => {
    const usage = { promptTokens: 42, completionTokens: 500, totalTokens: 542, cost: 0.00123, source: 'provider' as const }
    const all = facts({ ...message, usage, firstTokenMs: 400, totalMs: 5400 }, 'GPT X', words)
    expect(all.map((fact) => fact.value)).toEqual([
      'GPT X',
      'date',
      'chat.seconds 5.4',
      'chat.seconds 0.4',
      '42 → 500',
      'info.perSecond 100',
      '$0.0012',
    ])
    expect(facts(message, '', words).map((fact) => fact.label)).toEqual(['info.time'])
    expect(facts({ ...message, usage: { ...usage, source: 'estimate' } }, '', words)[1]?.value).toBe('≈ 42 → 500')
  })
})

describe('Enter', () => {
  const enter = { key: 'Enter', shiftKey: false, altKey: false, isComposing: false, keyCode: 13 }

  it('sends, except with Shift, inside a composition, and on a touch keyboard', () => {
    expect(isSend(enter, false)).toBe(true)
    expect(isSend({ ...enter, shiftKey: true }, false)).toBe(false)
    expect(isSend({ ...enter, isComposing: true }, false)).toBe(false)
    expect(isSend({ ...enter, keyCode: 229 }, false)).toBe(false)
    expect(isSend(enter, true)).toBe(false)
  })
})

describe('sources of an answer', () => {
  const call = (result: string | null) => ({
    id: 'a',
    name: 'web_search',
    status: 'succeeded' as const,
    arguments: '{"query":"q"}',
    result,
  })

  it('are web pages with a number, whatever else a tool returns', () => {
    const result = JSON.stringify([
      { number: 1, title: 'A', url: 'https://www.a.org/x', text: 't' },
      { number: 2, url: 'javascript:alert(1)' },
      { number: '3', url: 'https://b.org' },
      null,
      7,
    ])
    expect(sourcesOf([call(result)])).toEqual([{ number: 1, title: 'A', url: 'https://www.a.org/x', host: 'a.org', text: 't' }])
    for (const other of [null, '', 'text', '[', '{"a":1}']) expect(sourcesOf([call(other)])).toEqual([])
  })

  it('know their question, and show JSON readably', () => {
    expect(queryOf(call(null))).toBe('q')
    expect(queryOf({ ...call(null), arguments: 'nonsense' })).toBe('')
    expect([readable('{"a":1}'), readable('plain')]).toEqual(['{\n  "a": 1\n}', 'plain'])
  })
})

describe('prompts', () => {
  const prompt = (name: string, title: string) => ({ id: 1, name, title, text: '', variables: [], shared: false, own: true })

  it('are asked for by a slash at the very beginning', () => {
    expect([slashOf('/'), slashOf('/tr'), slashOf('/a b'), slashOf('see /tr'), slashOf('/usr/bin')]).toEqual(['', 'tr', null, null, null])
    const all = [prompt('brief', 'Answer in a trice'), prompt('translate', 'Translate')]
    expect(matching(all, 'tr').map((one) => one.name)).toEqual(['translate', 'brief'])
  })

  it('put words in their places once, and keep what was left empty', () => {
    expect(filled('{{a}} and {{b}} {{a}}', { a: '{{b}}', b: '' })).toBe('{{b}} and {{b}} {{b}}')
  })
})
