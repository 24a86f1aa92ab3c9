import type { Message } from '../api/types'
import type { I18n } from '../i18n/index.svelte'
import { money } from '../usage/money'

interface Fact {
  label: string
  value: string
}

/** The known facts about an answer, such as model, duration and tokens. Unknown ones are left out. */
export function facts(message: Message, modelName: string, i18n: Pick<I18n, 't' | 'number' | 'date' | 'tag'>): Fact[] {
  const { usage, firstTokenMs, totalMs } = message
  const all: (Fact | null)[] = [
    modelName !== '' ? { label: i18n.t('info.model'), value: modelName } : null,
    { label: i18n.t('info.time'), value: i18n.date(message.createdAt, { dateStyle: 'medium', timeStyle: 'short' }) },
    totalMs != null ? { label: i18n.t('info.took'), value: seconds(totalMs, i18n) } : null,
    firstTokenMs != null ? { label: i18n.t('info.firstToken'), value: seconds(firstTokenMs, i18n) } : null,
    usage
      ? {
          label: i18n.t('info.tokens'),
          value: `${usage.source === 'estimate' ? '≈ ' : ''}${i18n.number(usage.promptTokens)} → ${i18n.number(usage.completionTokens)}`,
        }
      : null,
    usage?.cachedTokens ? { label: i18n.t('info.cached'), value: i18n.number(usage.cachedTokens) } : null,
    usage && totalMs != null && firstTokenMs != null && totalMs > firstTokenMs + 200
      ? {
          label: i18n.t('info.speed'),
          value: i18n.t('info.perSecond', { n: Math.round(usage.completionTokens / ((totalMs - firstTokenMs) / 1000)) }),
        }
      : null,
    usage?.cost != null ? { label: i18n.t('info.cost'), value: money(usage.cost, i18n.tag) } : null,
    usage?.saved ? { label: i18n.t('info.saved'), value: money(usage.saved, i18n.tag) } : null,
  ]
  return all.filter((fact) => fact !== null)
}

function seconds(ms: number, i18n: Pick<I18n, 't' | 'tag'>): string {
  return i18n.t('chat.seconds', { n: new Intl.NumberFormat(i18n.tag, { maximumFractionDigits: ms < 10_000 ? 1 : 0 }).format(ms / 1000) })
}
