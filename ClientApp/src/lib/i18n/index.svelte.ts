import type { Problem } from '../api/http'
import type { MessageKey } from './en'
import { first, type Words } from './first'
import { grouped } from './grouped'
import { said } from './said'

export type { MessageKey } from './en'
export type Locale = 'en' | 'zh'
export type LocaleChoice = Locale | 'system'

type Params = Record<string, string | number>
type PluralKey = { [K in MessageKey]: K extends `${infer Stem}.other` ? Stem : never }[MessageKey]

const storageKey = 'aichat.locale'
const tags: Record<Locale, string> = { en: 'en', zh: 'zh-CN' }

/** Adds texts that were loaded later. A page loads its texts before it shows any. */
export function learn(more: Record<Locale, Words[]>): void {
  first.en.push(...more.en)
  first.zh.push(...more.zh)
}

function fromBrowser(): Locale {
  for (const language of navigator.languages) {
    if (/^zh\b/i.test(language)) return 'zh'
    if (/^en\b/i.test(language)) return 'en'
  }
  return 'en'
}

function stored(): LocaleChoice {
  try {
    const value = localStorage.getItem(storageKey)
    return value === 'en' || value === 'zh' ? value : 'system'
  } catch {
    return 'system'
  }
}

/** The language of the page: texts, dates and numbers. One instance, passed by context. */
export class I18n {
  #choice = $state<LocaleChoice>(stored())
  readonly locale = $derived<Locale>(this.#choice === 'system' ? fromBrowser() : this.#choice)
  /** BCP 47 tag for `lang` attributes and Intl. */
  readonly tag = $derived(tags[this.locale])
  readonly #dates = new Map<string, Intl.DateTimeFormat>()
  readonly #plural = $derived(new Intl.PluralRules(this.tag))
  readonly #number = $derived(new Intl.NumberFormat(this.tag))
  readonly #relative = $derived(new Intl.RelativeTimeFormat(this.tag, { numeric: 'auto' }))

  get choice(): LocaleChoice {
    return this.#choice
  }

  choose(choice: LocaleChoice): void {
    this.#choice = choice
    try {
      if (choice === 'system') localStorage.removeItem(storageKey)
      else localStorage.setItem(storageKey, choice)
    } catch {
      // Storage is off, so the choice lasts until the page closes.
    }
  }

  #text(key: string): string | undefined {
    for (const words of first[this.locale]) {
      const text = words[key]
      if (text !== undefined) return text
    }
    return undefined
  }

  t = (key: MessageKey, params: Params = {}): string => {
    return (this.#text(key) ?? key).replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = params[name]
      return value === undefined ? whole : typeof value === 'number' ? this.number(value) : value
    })
  }

  /** Picks `key.one` or `key.other` by the language's plural rule. */
  plural = (key: PluralKey, count: number): string =>
    this.t(this.#plural.select(count) === 'one' ? (`${key}.one` as MessageKey) : (`${key}.other` as MessageKey), { count })

  number = (value: number): string => (Number.isSafeInteger(value) ? grouped(value) : this.#number.format(value))

  date = (iso: string, options: Intl.DateTimeFormatOptions = { dateStyle: 'medium' }): string => {
    // Creating a formatter costs a hundred times as much as using it.
    const key = `${this.tag} ${JSON.stringify(options)}`
    const format = this.#dates.get(key) ?? new Intl.DateTimeFormat(this.tag, options)
    this.#dates.set(key, format)
    return format.format(new Date(iso))
  }

  /** "5 minutes ago" within a week, a date before that. */
  ago = (iso: string): string => {
    const seconds = (new Date(iso).getTime() - Date.now()) / 1000
    if (seconds > -60) return this.t('app.now')
    if (seconds > -3600) return this.#past(seconds / 60, 'minute')
    if (seconds > -86_400) return this.#past(seconds / 3600, 'hour')
    if (seconds > -7 * 86_400) return this.#past(seconds / 86_400, 'day')
    return this.date(iso)
  }

  /** Chinese sets a blank between a number and a word. */
  #past(value: number, unit: Intl.RelativeTimeFormatUnit): string {
    return this.#relative.format(Math.round(value), unit).replace(/(\d)(?=\p{Script=Han})/u, '$1 ')
  }

  /** A few words in a row. */
  list = (words: readonly string[]): string => words.join(this.t('app.comma'))

  duration = (ms: number): string => {
    const seconds = Math.max(1, Math.round(ms / 1000))
    if (seconds < 60) return this.t('chat.seconds', { n: seconds })
    return this.t('chat.minutes', { m: Math.floor(seconds / 60), s: seconds % 60 })
  }

  /** The text for something that the server names; its own words when this version of the page has no text for it. */
  told = (key: string, otherwise: string, params: Params = {}): string =>
    this.#text(key) === undefined ? otherwise : this.t(key as MessageKey, params)

  /** What the server says of a field. The API speaks English, so what has no words here is only called wrong. */
  rule = (text: string): string => (this.locale === 'zh' ? (said(text) ?? this.t('error.rule')) : text)

  /** What a provider, or the server about it, said of a failure; the words of others are quoted. */
  quoted = (text: string): string => (this.locale === 'zh' ? (said(text) ?? this.t('error.quoted', { text })) : text)

  code = (code: string): string => {
    const foreign = /^http_(\d+)$/.exec(code)?.[1]
    if (foreign && this.#text(`error.${code}`) === undefined) return this.t('error.foreign', { status: foreign })
    const known = code !== 'unknown' && this.#text(`error.${code}`) !== undefined
    return known ? this.t(`error.${code}` as MessageKey) : this.t('error.unknown', { code })
  }

  problem = (problem: Problem): string => {
    if (problem.code === 'rate_limited' && problem.retryAfterSeconds !== null) {
      return this.t('error.rate_limitedFor', { seconds: problem.retryAfterSeconds })
    }
    // The text for a daily or monthly limit says when it resets.
    if (/^(quota|budget)_exceeded$/.test(problem.code) && problem.againAt !== null && problem.againAt > Date.now()) {
      return this.t('error.again', { reason: this.code(problem.code), time: this.time(problem.againAt) })
    }
    // The detail names the address the server saw, and the line of the proxy's configuration that corrects it.
    if (problem.code === 'forbidden' && problem.errors['origin']) return this.t('error.cross_site', { detail: problem.detail ?? '' })
    return this.code(problem.code)
  }

  /** A time to the minute, with its day unless it is today. */
  time = (at: number): string => {
    const minute = new Date(Math.round(at / 60_000) * 60_000)
    const today = minute.toDateString() === new Date().toDateString()
    const withDay = { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' } as const
    return this.date(minute.toISOString(), today ? { timeStyle: 'short' } : withDay)
  }
}
