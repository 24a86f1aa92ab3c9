import type { MessageKey } from '../i18n/index.svelte'
import { en } from '../i18n/en'
import { holds, termsOf } from '../browser/letters'
import type { SettingsEntry } from './pages'

/** A page, or one setting on it. */
export interface SettingsHit {
  entry: SettingsEntry
  label: string
  setting: boolean
}

/** Pages and settings whose texts in the current language contain every word of the query. */
export function findSettings(query: string, entries: readonly SettingsEntry[], t: (key: MessageKey) => string): SettingsHit[] {
  const words = termsOf(query)
  if (words.length === 0) return []
  const fits = (text: string) => holds(text, words)
  return entries.flatMap((entry) => {
    const page = t(entry.label)
    const settings = (entry.settings ?? []).map((key) => ({ label: t(key), words: `${t(key)} ${hintOf(key, t)}` }))
    return [
      ...(fits(page) ? [{ entry, label: page, setting: false }] : []),
      ...settings.filter((one) => fits(one.words)).map(({ label }) => ({ entry, label, setting: true })),
    ]
  })
}

function hintOf(key: MessageKey, t: (key: MessageKey) => string): string {
  const hint = [`${key}.hint`, `${key}Hint`].find((one) => one in en)
  return hint === undefined ? '' : t(hint as MessageKey)
}
