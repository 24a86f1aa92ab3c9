import { describe, expect, it } from 'vitest'
import { read, show } from '../../src/lib/admin/system/draft.svelte'
import { groups, type Field } from '../../src/lib/admin/system/fields'
import { en } from '../../src/lib/i18n/en'
import { serverCode } from './server-files'

const table = serverCode(/^SettingTable\.cs$/)
const fields: readonly Field[] = Object.values(groups).flat()

/** The bounds of a number in the server's table, in its own units. */
function bounds(key: string): [number, number] | null {
  const kind = '(?:Number|NumberSetting<\\w+>|AmountSetting)'
  const found = new RegExp(`${kind}\\(\\s*"${key}", (?:(?:null|Capacity\\.\\w+|-?[\\d_]+L?), (-?[\\d_]+), |-1, )([\\d_]+)\\)`).exec(table)
  if (!found) return null
  const number = (text: string | undefined) => (text === undefined ? -1 : Number(text.replaceAll('_', '')))
  return [number(found[1]), number(found[2])]
}

describe('settings on the page', () => {
  it('are the server’s, with its bounds and choices', () => {
    for (const field of fields) {
      expect(table, field.key).toContain(`"${field.key}"`)
      if (field.kind === 'number' || field.kind === 'hue') expect([field.min, field.max], field.key).toEqual(bounds(field.key))
      if (field.kind === 'text')
        expect(table, field.key).toMatch(
          new RegExp(`"${field.key}", [^,]+, \\d+, ${String(field.max).replace(/(\d)(?=(\d{3})+$)/, '$1_?')}\\)`),
        )
      if (field.kind === 'choice') {
        const found = new RegExp(`Choice\\("${field.key}", "\\w+", ([^)]+)\\)`).exec(table)
        expect([...(found?.[1]?.matchAll(/"(\w+)"/g) ?? [])].map((one) => one[1]), field.key).toEqual(field.options)
        for (const option of field.options) expect(en).toHaveProperty([`system.${field.key}.${option}`])
      }
      expect(en).toHaveProperty([`system.${field.key}`])
    }
  })

  const field = (key: string) => fields.find((one) => one.key === key) as Field
  it('are shown and read in a person’s units', () => {
    expect(show(field('sseHeartbeatIntervalMs'), 15_000)).toBe('15')
    expect(read(field('sseHeartbeatIntervalMs'), '1.5')).toEqual({ value: 1500 })
    expect(show(field('defaultUserDailyQuota'), -1)).toBe('')
    expect(read(field('defaultUserDailyQuota'), ' ')).toEqual({ value: -1 })
    expect(read(field('reasoningMaxOutputTokensDefault'), '')).toEqual({ value: null })
    expect(read(field('defaultDailyMoneyBudget'), '0.25')).toEqual({ value: 0.25 })
    expect(read(field('webSearchDomainFilter'), 'a.example, b.example\n\n')).toEqual({ value: ['a.example', 'b.example'] })
    expect(read(field('webSearchApiKey'), '')).toEqual({ value: null })
  })

  it('name the rule that what was typed breaks', () => {
    expect(read(field('sseHeartbeatIntervalMs'), '0.5')).toEqual({ broken: 'range' })
    expect(read(field('maxRuns'), '1.5')).toEqual({ broken: 'number' })
    expect(read(field('maxRuns'), '')).toEqual({ broken: 'number' })
    expect(read(field('defaultUserDailyQuota'), '-1')).toEqual({ broken: 'range' })
    expect(read(field('brandText'), '  ')).toEqual({ broken: 'required' })
  })
})
