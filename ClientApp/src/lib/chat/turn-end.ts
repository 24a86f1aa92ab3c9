import type { I18n } from '../i18n/index.svelte'
import type { Message, Retry } from '../api/types'
import type { Catalog } from '../state/catalog.svelte'
import type { Turn } from '../state/turn.svelte'

interface TurnEnd {
  text: string
  danger: boolean
  /** Continues the answer where it ended. */
  carryOn: boolean
  /** Writes another version. */
  retry: boolean
}

/** Why and where a question was asked again. */
export function againText(
  retry: Retry, message: Pick<Message, 'connectionId' | 'model'>, i18n: Pick<I18n, 't' | 'code'>, catalog: Pick<Catalog, 'nameOf'>,
): string {
  const reason = i18n.code(retry.code)
  const elsewhere = (retry.connectionId ?? null) !== (message.connectionId ?? null)
  const other = retry.model != null && (retry.model !== message.model || elsewhere)
  if (other) return i18n.t('chat.askedOther', { reason, model: catalog.nameOf(retry.model ?? '', retry.connectionId) })
  if (retry.code === 'provider_context_too_long') return i18n.t('chat.askedShorter')
  const aboutKey = /_(unauthorized|rate_limited|quota_exhausted)$/.test(retry.code) && !retry.waitMs
  return i18n.t(aboutKey ? 'chat.askedKey' : 'chat.askedAgain', { reason })
}

/** Words for the end of an answer that need no remark. */
const ordinary = new Set(['stop', 'tool_calls', 'other'])

/** How an answer ended when it did not complete normally, and which actions are offered. */
export function endOf(
  { message, problem }: Pick<Turn, 'message' | 'problem'>, i18n: Pick<I18n, 't' | 'code' | 'problem' | 'quoted'>,
): TurnEnd | null {
  const begun = message.content !== ''
  if (problem) return { text: i18n.problem(problem), danger: true, carryOn: false, retry: true }
  switch (message.status) {
    case 'stopped':
      return { text: i18n.t('chat.stopped'), danger: false, carryOn: begun, retry: true }
    case 'interrupted':
      return { text: i18n.t('chat.interrupted'), danger: false, carryOn: begun, retry: true }
    case 'failed':
      return {
        text: [
          i18n.t('chat.failed', { reason: i18n.code(message.error?.code ?? 'unknown') }),
          message.error?.detail ? i18n.quoted(message.error.detail) : '',
        ].filter(Boolean).join(' '),
        danger: true,
        carryOn: begun,
        retry: true,
      }
    case 'done':
      if (message.finishReason === 'length') return { text: i18n.t('chat.lengthCut'), danger: false, carryOn: begun, retry: false }
      if (message.finishReason === 'content_filter') return { text: i18n.t('chat.filtered'), danger: false, carryOn: false, retry: true }
      if (message.finishReason && !ordinary.has(message.finishReason))
        return { text: i18n.t('chat.endedBy', { word: message.finishReason }), danger: false, carryOn: begun, retry: true }
      return begun || message.toolCalls?.length || message.images?.length
        ? null : { text: i18n.t('chat.emptyAnswer'), danger: false, carryOn: false, retry: true }
    case 'streaming':
      return null
    default:
      return message.status satisfies never
  }
}
