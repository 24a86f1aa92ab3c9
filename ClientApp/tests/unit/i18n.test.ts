import { describe, expect, it } from 'vitest'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { grouped } from '../../src/lib/i18n/grouped'
import { en } from '../../src/lib/i18n/en'
import { zh } from '../../src/lib/i18n/zh'

const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort()

describe('languages', () => {
  it('have the same keys and the same places to fill', () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort())
    for (const key of Object.keys(en) as (keyof typeof en)[]) expect(holes(zh[key]), key).toEqual(holes(en[key]))
  })

  it('write whole numbers as the browser would', () => {
    for (const tag of ['en', 'zh-CN'])
      for (const value of [0, 7, -7, 999, 1000, -1000, 12345, 123456, 1234567, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])
        expect(grouped(value)).toBe(new Intl.NumberFormat(tag).format(value))
  })

  it('leave nothing empty or untranslated', () => {
    const same = new Set(['system.unit.MB', 'provider.openai', 'provider.google', 'provider.azure', 'provider.deepseek', 'provider.openrouter', 'provider.anthropic', 'model.context', 'chat.versionOf', 'setupChat.topP', 'system.defaultLocale.en', 'system.defaultLocale.zh', 'system.webSearchEngine.tavily', 'system.webSearchEngine.brave', 'system.webSearchEngine.searxng', 'system.webSearchEngine.exa', 'about.sqlite', 'share.markdown', 'share.json'])
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      expect(zh[key].trim(), key).not.toBe('')
      if (!same.has(key)) expect(zh[key], key).not.toBe(en[key])
    }
  })

  it('have no words that nothing shows', () => {
    const root = join(import.meta.dirname, '../../src')
    const source = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(svelte|ts)$/.test(name) && !/i18n\/(errors\.)?(en|zh)(\.ts$|\/)/.test(name))
      .map((name) => readFileSync(join(root, name), 'utf8'))
      .join('\n')
    const dynamic = /^(error\.|provider\.|setup\.\w+Text$|sidebar\.(pinned|today|yesterday|week|month)$|menu\.theme\.|users\.|system\.|models\.|usage\.|apikey\.scope|connection\.auth\.|effort\.|compose\.(webSearch|contextEnabled|trace)|setupChat\.|trace\.(type|status)\.)/
    const unused = Object.keys(en).filter((key) => !dynamic.test(key) && !source.includes(`'${key.replace(/\.(one|other)$/, '')}'`))
    expect(unused).toEqual([])
  })
})
