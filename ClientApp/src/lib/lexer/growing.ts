import type { Token, Tokens } from 'marked'
import { inlineTag } from './html'
import { maxCode, spansOf } from './spans'
import { isDelimiter, plainCells } from './table'

// The end of a text that grows. What could still become something else is held back until the next characters decide, so that no frame
// shows raw marks that collapse in the next one.

export interface Leaf {
  type: string
  tokens?: Token[]
  raw: string
}

/** The innermost block at the end. */
export function leafOf(tokens: readonly Token[]): Leaf | undefined {
  const last = tokens.findLast((token) => token.type !== 'space')
  if (!last) return undefined
  switch (last.type) {
    case 'list': {
      const item = (last as Tokens.List).items.at(-1)
      return item ? leafOf(item.tokens) : undefined
    }
    case 'blockquote':
    case 'note':
      return leafOf((last as Tokens.Blockquote).tokens)
    case 'details':
      if (/<\/details\s*>\s*$/i.test(last.raw)) return undefined
      return leafOf((last as Tokens.Generic).tokens ?? []) ?? { type: 'details', raw: last.raw, tokens: last['summary'] as Token[] }
    case 'table': {
      const { header, rows } = last as Tokens.Table
      // The last row is filled up with empty cells.
      const cell = (rows.at(-1) ?? header).findLast((one) => one.text !== '')
      return { type: 'cell', raw: cell?.text ?? '', tokens: cell?.tokens ?? [] }
    }
    default:
      return last as Leaf
  }
}

const cellEnd = /(?:[|\n]|<\/?(?:t[dhr]|thead|tbody|tfoot|table)(?:\s[^<>]*)?>)\s*$/i

/** Whether text that follows would still belong to the inline content of the leaf. */
export function isOpen(text: string, leaf: Leaf): boolean {
  if (leaf.type === 'paragraph' || leaf.type === 'text') return !/\n[ \t>]*\n[ \t>]*$/.test(text)
  // A pipe at the end closes the cell, unless it stands in the code of the cell; so does a tag of the table.
  if (leaf.type === 'cell') return !cellEnd.test(text) || (leaf.raw.endsWith('|') && text.endsWith(leaf.raw))
  return (leaf.type === 'heading' || leaf.type === 'details') && !text.endsWith('\n')
}

// A list marker, the marks of a heading, a line of a rule or of a fence.
const undecided = /^(?:[-+*]|\d{1,9}[.)]?|#{1,6}|-{2,}|=+|\*[* ]+|_[_ ]+|`{1,2}|~{1,2}|:+|<[/!]?[a-z-]{0,12})\s*$/i
const definition = /^ {0,3}\[[^\]^\n][^\]\n]*\]:/

/** The text without a last line that is still undecided, or with what makes a table of its begin. */
export function heldBlocks(text: string, leaf: Leaf | undefined): string {
  const at = text.lastIndexOf('\n') + 1
  const line = text.slice(at)
  const bare = line.replace(/^[\s>]+/, '')
  const before = text.slice(0, at)
  if (leaf?.type === 'code' && /^[\s>]*(?:```|~~~)/.test(leaf.raw)) {
    if (!leaf.raw.includes('\n') && /^(?:`{3,}|~{3,})[^\n]*$/.test(listless(bare))) return before
    const marks = /(?:`{3,}|~{3,})/.exec(leaf.raw)?.[0] ?? ''
    return bare !== '' && marks.startsWith(bare) && bare !== marks ? before.slice(0, -1) : text
  }
  if (leaf?.type === 'cell') return text
  const started = tableBegin(text, before, bare)
  if (started !== undefined) return started
  return undecided.test(bare) || definition.test(line) ? before : text
}

const listless = (line: string) => line.replace(/^(?:(?:[-+*]|\d{1,9}[.)])\s+)+/, '')

/** A head with no more than a part of its rule is a table already; a head that is not complete is held back. */
function tableBegin(text: string, before: string, bare: string): string | undefined {
  const head = before.slice(before.lastIndexOf('\n', before.length - 2) + 1, -1)
  const indent = /^[\s>]*/.exec(head)?.[0] ?? ''
  const row = head.slice(indent.length)
  const rule = /^[|:\-\s]*$/.test(bare)
  if (rule && row.includes('|') && (row.startsWith('|') || bare.includes('|')) && !isDelimiter(row)) {
    return isDelimiter(bare) && text.endsWith('\n') ? undefined : `${before}${indent}|${'---|'.repeat(plainCells(row).length)}`
  }
  return bare.startsWith('|') ? before : undefined
}

const bracket = /!?\[(?:\\.|[^[\]\\\n]|\[[^[\]\n]*\])*(?:\](?:\[[^[\]\n]*)?)?$/
const picture = /!\[[^\]\n]*\]\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*$/
const marks = /(?:[*_~]+|\$+|`+|!|\\|&#?\w{0,9})$/
const tagBegin = /<(?:[/!?a-z][^<>\n]{0,120})?$/i
const maxLabel = 160

/** The inline text without marks at its end whose meaning is still open. */
export function heldInline(src: string): string {
  let text = src
  for (;;) {
    const { spans, open } = spansOf(text)
    const coded = open >= 0 && text.length - open <= maxCode
    const free = (at: number) => at >= 0 && !(coded && at > open) && !spans.some((span) => span.from < at && at < span.to)
    const index = (pattern: RegExp) => pattern.exec(text)?.index ?? -1
    const label = [index(picture), index(bracket)].find((at) => free(at) && text.length - at <= maxLabel)
    const tag = index(tagBegin)
    const mark = index(marks)
    let at = -1
    if (label !== undefined) at = label
    else if (free(tag)) at = tag
    else if (coded) at = text.replace(/`+$/, '').length
    else if (mark >= (spans.at(-1)?.to ?? 0)) at = mark
    if (at < 0 || at === text.length) return text
    text = text.slice(0, at)
  }
}

/** Closes the drawn tags that are open at the end. */
export function closeTags(tokens: Token[]): void {
  const open: string[] = []
  for (const token of tokens) {
    const tag = token.type === 'html' ? inlineTag(token.raw) : null
    if (!tag || tag.name === 'br') continue
    if (!tag.closing) open.push(tag.name)
    else if (open.at(-1) === tag.name) open.pop()
  }
  for (const name of open.reverse()) tokens.push({ type: 'html', raw: `</${name}>`, text: '', block: false, pre: false } as Tokens.HTML)
}
