import { addressEnd } from './address'
import { fenceOf } from './fence'

// What a person writes is shown as written, because stars and hashes in it are rarely meant as Markdown. Code in fences, links and lists
// are drawn: those read the same either way.

export type OwnBlock =
  | { type: 'text'; text: string }
  | { type: 'code'; text: string; info: string }
  | { type: 'list'; ordered: boolean; start: number; items: string[] }

export interface OwnSpan {
  text: string
  href?: string
}

const item = /^( {0,3})(?:([-*•])|(\d{1,9})[.)、])[ \t]*(?=\S)/
const fence = /^ {0,3}(?:`{3,}|~{3,})/

export function ownBlocks(source: string): OwnBlock[] {
  const blocks: OwnBlock[] = []
  const lines = source.replace(/\r\n?/g, '\n').split('\n')
  let text: string[] = []
  const flush = () => {
    const joined = text.join('\n').replace(/^\n+|\n+$/g, '')
    if (joined !== '') blocks.push({ type: 'text', text: joined })
    text = []
  }
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (fence.test(line)) {
      const read = fenceOf(lines.slice(at).join('\n'), false)
      if (read?.closed) {
        flush()
        blocks.push({ type: 'code', text: read.text, info: read.info })
        at += read.raw.replace(/\n$/, '').split('\n').length - 1
        continue
      }
    }
    const list = listAt(lines, at)
    if (!list) {
      text.push(line)
      continue
    }
    flush()
    blocks.push(list.block)
    at += list.taken - 1
  }
  flush()
  return blocks
}

/** Two or more lines with the same kind of marker; one alone is a sentence that begins with a dash or a number. */
function listAt(lines: readonly string[], from: number): { block: OwnBlock; taken: number } | null {
  const first = item.exec(lines[from] ?? '')
  if (!first || !/[ \t、]$/.test(first[0])) return null
  const marker = first[2]
  const items: string[] = []
  let at = from
  for (; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const match = item.exec(line)
    if (match && match[2] === marker && /[ \t、]$/.test(match[0]) && (marker || Number(match[3]) === Number(first[3]) + items.length)) {
      items.push(line.slice(match[0].length))
    } else if (items.length > 0 && /^(?: {2,}|\t)\S/.test(line)) items[items.length - 1] += `\n${line.trim()}`
    else break
  }
  if (items.length < 2) return null
  return { block: { type: 'list', ordered: marker === undefined, start: Number(first[3] ?? 1), items }, taken: at - from }
}

const link = /\[([^[\]\n]+)\]\((https?:\/\/[^\s()]+(?:\([^\s()]*\)[^\s()]*)*)\)/y

/** The links in a text. */
export function ownSpans(text: string): OwnSpan[] {
  const spans: OwnSpan[] = []
  let plain = 0
  const add = (from: number, to: number, span: OwnSpan) => {
    if (from > plain) spans.push({ text: text.slice(plain, from) })
    spans.push(span)
    plain = to
  }
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    if (char === '[') {
      link.lastIndex = at
      const [whole, label = '', href = ''] = link.exec(text) ?? []
      if (whole === undefined) continue
      add(at, at + whole.length, { text: label, href })
      at += whole.length - 1
    } else if ('hHwW'.includes(char)) {
      const end = addressEnd(text, at)
      if (end < 0) continue
      const address = text.slice(at, end)
      add(at, end, { text: address, href: /^www/i.test(address) ? `http://${address}` : address })
      at = end - 1
    }
  }
  if (plain < text.length) spans.push({ text: text.slice(plain) })
  return spans
}
