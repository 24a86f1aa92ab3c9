import type { MessageKey } from '../i18n/index.svelte'
import { imports } from '../i18n/en/imports'

/** The programs whose exports are explained. */
export const sources = ['chatgpt', 'claude', 'openwebui', 'librechat', 'aichat'] as const

/** The text of a reason by its code; null when only the server knows it. */
export function reason(code: string): MessageKey | null {
  const key = `imports.why.${code}`
  return key in imports ? (key as MessageKey) : null
}
