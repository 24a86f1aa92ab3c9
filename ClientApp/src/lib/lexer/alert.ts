import type { Token, Tokens } from 'marked'

export const alertKinds = ['note', 'tip', 'important', 'warning', 'caution'] as const
export type AlertKind = (typeof alertKinds)[number]

/** A block quotation that begins with `[!NOTE]` or one of its kind. */
export interface Alert {
  kind: AlertKind
  /** Words of its own in place of the kind's name. */
  title: string
}

// Names of other dialects, which models mix in.
const others: Record<string, AlertKind> = {
  info: 'note', abstract: 'note', summary: 'note', todo: 'note', example: 'note', quote: 'note', question: 'note', faq: 'note',
  hint: 'tip', success: 'tip', check: 'tip', done: 'tip', attention: 'warning', danger: 'caution', error: 'caution', failure: 'caution',
  bug: 'caution',
}

const head = /^\[!([a-z]{2,12})\][+-]?[ \t]*([^\n]*)(?:\n|$)/i

export const alertOf = (token: Token): Alert | undefined => (token as Tokens.Generic)['alert'] as Alert | undefined

/** Finds alerts among the quotations and takes their first line out of the text, before its inline tokens are read. */
export function adoptAlerts(tokens: readonly Token[], queue: readonly { src: string; tokens: Token[] }[]): void {
  for (const token of tokens) {
    if (token.type === 'list') for (const item of (token as Tokens.List).items) adoptAlerts(item.tokens, queue)
    if (token.type === 'details' || token.type === 'blockquote') adoptAlerts((token as Tokens.Blockquote).tokens, queue)
    if (token.type !== 'blockquote') continue
    const [first] = (token as Tokens.Blockquote).tokens
    const match = first?.type === 'paragraph' ? head.exec((first as Tokens.Paragraph).text) : null
    const name = match?.[1]?.toLowerCase() ?? ''
    const kind = alertKinds.find((one) => one === name) ?? others[name]
    const piece = queue.find((one) => one.tokens === (first as Tokens.Paragraph | undefined)?.tokens)
    if (!match || !kind || !piece) continue
    const title = (match[2] ?? '').trim()
    ;(token as Tokens.Generic)['alert'] = { kind, title } satisfies Alert
    piece.src = piece.src.slice(match[0].length)
    if (piece.src === '') (token as Tokens.Blockquote).tokens.shift()
  }
}
