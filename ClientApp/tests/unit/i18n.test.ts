import { describe, expect, it } from 'vitest'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { grouped } from '../../src/lib/i18n/grouped'
import { en } from '../../src/lib/i18n/en'
import { setup } from '../../src/lib/i18n/en/setup'
import { welcome } from '../../src/lib/i18n/en/welcome'
import { first } from '../../src/lib/i18n/first'
import { said } from '../../src/lib/i18n/said'
import { zh } from '../../src/lib/i18n/zh'
import { serverCode } from './server-files'

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
    const same = new Set([
      'system.unit.MB',
      'provider.openai',
      'provider.google',
      'provider.azure',
      'provider.deepseek',
      'provider.openrouter',
      'provider.anthropic',
      'provider.xai',
      'provider.mistral',
      'provider.groq',
      'provider.minimax',
      'model.context',
      'chat.versionOf',
      'setupChat.topP',
      'system.defaultLocale.en',
      'system.defaultLocale.zh',
      'system.webSearchEngine.tavily',
      'system.webSearchEngine.brave',
      'system.webSearchEngine.searxng',
      'system.webSearchEngine.exa',
      'about.sqlite',
      'share.markdown',
      'share.json',
      'imports.from.chatgpt',
      'imports.from.claude',
      'imports.from.openwebui',
      'imports.from.librechat',
      'imports.from.aichat',
    ])
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      expect(zh[key].trim(), key).not.toBe('')
      if (!same.has(key)) expect(zh[key], key).not.toBe(en[key])
    }
  })

  it('have what the chat and the login say from the start', () => {
    const seen = new Map<string, string>()
    const visit = (file: string) => {
      const path = [file, `${file}.ts`].find((one) => existsSync(one) && /\.(svelte|ts)$/.test(one))
      if (!path || seen.has(path) || path.includes('/i18n/')) return
      const source = readFileSync(path, 'utf8')
      if (source.includes("import '../i18n/later'")) return
      seen.set(path, source)
      for (const [, target] of source.matchAll(/(?:from |import |import\()'(\.[^']+)'/g)) visit(resolve(dirname(path), target ?? ''))
    }
    visit(join(import.meta.dirname, '../../src/main.ts'))
    const later = Object.keys(en)
      .filter((key) => first.en.every((words) => !(key in words)))
      .map((key) => key.replace(/(?<=\..*)\.(one|other)$/, ''))
    // A module that brings the texts of another file with it may use those.
    const brought = Object.entries({ setup, welcome }).map(
      ([file, words]) => [`import '../i18n/${file}'`, new Set(Object.keys(words).map((key) => key.replace(/\.(one|other)$/, '')))] as const,
    )
    const has = (source: string, key: string) => brought.some(([line, keys]) => keys.has(key) && source.includes(line))
    const missing = [...seen].flatMap(([path, source]) =>
      later
        .filter((key) => source.includes(`'${key}'`) && !has(source, key)).map((key) => `${path}: ${key}`),
    )
    expect(missing).toEqual([])
    expect(seen.size).toBeGreaterThan(100)
  })

  it('have no unused texts', () => {
    const root = join(import.meta.dirname, '../../src')
    const source = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(svelte|ts)$/.test(name) && !/i18n\/(errors\.)?(en|zh)(\.ts$|\/)/.test(name))
      .map((name) => readFileSync(join(root, name), 'utf8'))
      .join('\n')
    const dynamic = [
      /error\./, /provider\./, /setup\.\w+Text$/, /sidebar\.(pinned|today|yesterday|week|month)$/, /menu\.theme\./,
      /users\./, /system\./, /models\./, /usage\./, /apikey\.scope/, /connection\.auth\./, /effort\./,
      /compose\.(webSearch|contextEnabled|trace)/, /setupChat\./, /trace\.(type|status)\./, /notice\./, /hop\./, /advice\./,
      /imports\.(from|how|why)\./, /audit\.(do|on|word|count)\./,
      /settings\.(personal|people|models|look|operation)$/, /reason\./, /backup\.step\./,
    ].map((pattern) => new RegExp(`^(?:${pattern.source})`))
    const isDynamic = (key: string) => dynamic.some((pattern) => pattern.test(key))
    const unused = Object.keys(en).filter((key) => !isDynamic(key) && !source.includes(`'${key.replace(/\.(one|other)$/, '')}'`))
    expect(unused).toEqual([])
  })

  it('have one Chinese word for one thing', () => {
    const words: [RegExp, string][] = [
      [/聊天/, '对话'],
      [/您/, '你'],
      [/(?<!Bearer |Entra |访问)令牌/, 'Token; 令牌 is a credential'],
      [/\btokens?\b/, 'Token'],
      [/模型服务(?!商)/, '服务商'],
      [/初始化代码|安装代码/, '安装码'],
      [/首字用时/, '首字延迟'],
      [/此刻/, '刚刚'],
      [/安静的|静默/, '空闲, 无数据'],
      [/闸门/, '限额检查'],
    ]
    // What another program calls it.
    const foreign = new Set(['apikey.in.cherry'])
    for (const [key, text] of Object.entries(zh))
      if (!foreign.has(key)) for (const [wrong, right] of words) expect(wrong.test(text), `${key}: ${text} (${right})`).toBe(false)
  })

  it('set marks, numbers and dates as Chinese does', () => {
    // The form of a code, to be typed as it stands.
    const typed = new Set(['connection.keyEntraHint', 'system.noProxy.hint'])
    for (const [key, text] of Object.entries(zh)) {
      if (typed.has(key)) continue
      expect(/\p{Script=Han}[,;:?!]|[,;:?!]\p{Script=Han}/u.test(text), `${key}: ${text} (full-width marks)`).toBe(false)
      expect(/\p{Script=Han} ?\(|\) ?\p{Script=Han}/u.test(text), `${key}: ${text} (full-width parentheses)`).toBe(false)
      expect(/\p{Script=Han}\d|\d\p{Script=Han}/u.test(text), `${key}: ${text} (a blank beside a number)`).toBe(false)
    }
  })

  it('say in Chinese what the server says of a field', () => {
    const sentences = [...serverCode(/\.cs$/).matchAll(/Problems\.Invalid\(\s*"\w[\w.]*",\s*\$?"((?:[^"\\]|\\.)+)"/g)]
      .map((match) => (match[1] ?? '').replace(/\{[^}]*\}/g, '7'))
    expect(sentences.length).toBeGreaterThan(30)
    expect(sentences.filter((text) => said(text) === null)).toEqual([])
  })
})
