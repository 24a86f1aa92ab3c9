import type { Tokens } from 'marked'

// A bare web address in running text. GFM ends it at the next space, which Chinese and Japanese do not write: there it ends before the
// first character of those scripts, at full-width punctuation, and at a bracket that was opened before it.

const begin = /(?:https?:\/\/(?=[\w[])(?!https?:\/\/)|www\.(?=[a-z\d]))/iy
const next = /https?:\/\//iy
const stops = new Set(['<', '>', '"', '`', '\\', '^', '|', '،', '؛', '؟', '«', '»'])
const closes = new Map([[')', '('], [']', '['], ['}', '{']])
// What ends a sentence or a mark around the address, not the address.
const trailing = /(?:[?!.,:;*_~'"&]|&[a-z\d]+;)+$/i

/** Han, kana, Hangul, their punctuation, quotation marks and pictures; other letters may stand in a path. */
const isForeign = (code: number) => code >= 0x2000 || (code >= 0x1100 && code <= 0x11ff)

/** The end of the address that begins at this place; -1 when none does. */
export function addressEnd(text: string, at: number): number {
  begin.lastIndex = at
  const [scheme] = begin.exec(text) ?? []
  if (scheme === undefined) return -1
  if (/^www/i.test(scheme) && /[A-Za-z\d@./-]/.test(text[at - 1] ?? '')) return -1
  const open: string[] = []
  let end = at + scheme.length
  for (; end < text.length; end++) {
    const char = text[end] ?? ''
    if (stops.has(char) || /\s/.test(char) || isForeign(char.charCodeAt(0))) break
    if (char === '*' && text[end + 1] === '*') break
    if (char === '~' && text[end + 1] === '~') break
    if ('([{'.includes(char)) open.push(char)
    else if (closes.has(char) && open.pop() !== closes.get(char)) break
    // `a,https://b`: another address, unless it is a part of this one, as in `?to=https://b`.
    next.lastIndex = end
    if (next.test(text) && !/[/=:?&#%(]/.test(text[end - 1] ?? '')) break
  }
  const body = text.slice(at + scheme.length, end).replace(trailing, '')
  if (!/^(?:[a-z\d-]|\[[\da-f:]+\])/i.test(body) || (/^www/i.test(scheme) && !body.includes('.'))) return -1
  return at + scheme.length + body.length
}

/** A bare address as the link that it is. */
export function addressLink(text: string): Tokens.Link {
  const href = /^www/i.test(text) ? `http://${text}` : text
  return { type: 'link', raw: text, text, href, tokens: [{ type: 'text', raw: text, text, escaped: false }] }
}
