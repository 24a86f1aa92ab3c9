import type { Locale, MessageKey } from '../i18n/index.svelte'
import { imports } from '../i18n/en/imports'

/** The programs whose exports are explained. */
export const sources = ['chatgpt', 'claude', 'openwebui', 'librechat', 'aichat'] as const

/** Codes for which the server, which speaks English, has several sentences that say more than one of the page. */
const severalReasons = new Set([
  'no_chats',
  'nothing_taken',
  'not_taken',
  'unknown_format',
  'unreadable_archive',
  'unreadable_file',
  'invalid_json',
  'internal_error',
])

/** The text of a reason by its code; null where the server's own words are shown. */
export function reason(code: string, locale: Locale): MessageKey | null {
  const key = `imports.why.${code}`
  return key in imports && (locale !== 'en' || !severalReasons.has(code)) ? (key as MessageKey) : null
}
