import { describe, expect, it } from 'vitest'
import { chips, reasoningOf, withFlag, withReasoning } from '../../src/lib/composer/options'
import { parametersOf } from '../../src/lib/composer/setup'
import { fit } from '../../src/lib/state/downscale'

describe('options for an answer', () => {
  it('leave out defaults', () => {
    expect(withReasoning({ webSearch: true }, 'low')).toEqual({ webSearch: true, reasoning: { enabled: true, effort: 'low' } })
    expect(withReasoning({ reasoning: { enabled: false } }, 'auto')).toEqual({})
    expect(withFlag({ contextEnabled: false }, 'contextEnabled', true)).toEqual({})
    expect(withFlag({}, 'contextEnabled', false)).toEqual({ contextEnabled: false })
    expect(withFlag({ webSearch: true, trace: true }, 'webSearch', false)).toEqual({ trace: true })
    for (const choice of ['auto', 'off', 'minimal', 'high'] as const) expect(reasoningOf(withReasoning({}, choice))).toBe(choice)
  })

  it('name each value that differs, with how to reset it', () => {
    const all = chips({ reasoning: { enabled: false }, webSearch: true, contextEnabled: false, trace: true })
    expect(all.map((chip) => chip.label)).toEqual(['compose.reasoning', 'compose.webSearch', 'compose.noContext', 'compose.trace'])
    expect(all[1]?.without).toEqual({ reasoning: { enabled: false }, contextEnabled: false, trace: true })
    expect(chips({})).toEqual([])
  })
})

describe('parameters of a chat', () => {
  it('are numbers or nothing', () => {
    expect(parametersOf({ temperature: '0.2', topP: '', maxOutputTokens: 500 })).toEqual({ temperature: 0.2, maxOutputTokens: 500 })
    expect(parametersOf({ temperature: '', topP: null, maxOutputTokens: 'x' })).toBeNull()
  })
})

describe('an image', () => {
  it('keeps its shape and never grows', () => {
    expect(fit(4000, 2000)).toEqual({ width: 2048, height: 1024 })
    expect(fit(300, 200)).toEqual({ width: 300, height: 200 })
    expect(fit(20_000, 2)).toEqual({ width: 2048, height: 1 })
  })
})
