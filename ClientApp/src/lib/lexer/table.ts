import type { Tokens } from 'marked'
import { mayBecomeFormula } from './math'
import { spansOf, type Span } from './spans'

/** A table read from rows of text; every cell's text is still to be lexed. */
export interface Grid {
  header: string[]
  align: ('left' | 'right' | 'center' | null)[]
  rows: string[][]
}

export interface HtmlCell extends Tokens.TableCell {
  colspan?: number
  rowspan?: number
}

const delimiter = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/

export const isDelimiter = (line: string) => delimiter.test(line) && line.includes('-') && /[|:]/.test(line)

/**
 * The table at the begin of the lines, and how many of them it takes. GFM cuts a row before inline marks are read, so a pipe in code or in
 * a formula splits the cell and the last cell is dropped; here it does neither, and a longer row or header widens the table.
 */
export function gridOf(lines: readonly string[], live: boolean): { grid: Grid; taken: number } | null {
  const [head = '', rule = ''] = lines
  if (!head.includes('|') || head.trim() === '' || !isDelimiter(rule)) return null
  const align = plainCells(rule).map((cell) => {
    if (/^:-+:$/.test(cell)) return 'center' as const
    if (/^-+:$/.test(cell)) return 'right' as const
    return /^:-+$/.test(cell) ? ('left' as const) : null
  })
  const grid: Grid = { header: cellsOf(head, align.length), align, rows: [] }
  let taken = 2
  // A line without a pipe is the text that follows, not a row with one cell.
  for (; (lines[taken] ?? '').includes('|') && !/^ {0,3}(?:```|~~~|>)/.test(lines[taken] ?? ''); taken++) {
    grid.rows.push(cellsOf(lines[taken] ?? '', align.length, live && taken === lines.length - 1))
  }
  const columns = Math.max(grid.header.length, ...grid.rows.map((row) => row.length))
  const fill = (cells: string[]) => [...cells, ...Array<string>(Math.max(0, columns - cells.length)).fill('')]
  return { grid: { header: fill(grid.header), align: grid.align, rows: grid.rows.map(fill) }, taken }
}

function cellsOf(row: string, columns: number, live = false): string[] {
  const cells = cut(row, true, live)
  if (cells.length === columns || live) return cells
  // A lone backtick or dollar sign in two cells: the pipe between them splits after all.
  const plain = plainCells(row)
  return plain.length === columns ? plain : cells
}

export const plainCells = (row: string) => cut(row, false)

function cut(row: string, whole: boolean, live = false): string[] {
  const text = row.trim()
  const read = whole ? spansOf(text) : { spans: [], open: -1 }
  const { spans } = read
  // Code and formulas whose end is still to come.
  const open = !live ? -1 : read.open >= 0 ? read.open : openFormula(text, spans)
  const cells: string[] = []
  let from = text.startsWith('|') ? 1 : 0
  let span = 0
  for (let at = from; at < text.length; at++) {
    while (spans[span] && (spans[span]?.to ?? 0) <= at) span++
    const inside = spans[span]
    if (inside && inside.from <= at && (inside.kind === 'code' || inside.kind === 'math')) {
      at = inside.to - 1
      continue
    }
    if (text[at] === '\\') at++
    else if (text[at] === '|' && (open < 0 || at < open)) {
      cells.push(text.slice(from, at))
      from = at + 1
    }
  }
  if (from < text.length) cells.push(text.slice(from))
  return cells.map((cell) => cell.trim().replaceAll('\\|', '|'))
}

function openFormula(text: string, spans: readonly Span[]): number {
  const at = text.lastIndexOf('$')
  const free = at >= 0 && !spans.some((span) => span.from <= at && at < span.to)
  return free && mayBecomeFormula(text.slice(at)) ? at : -1
}

// A table of plain cells: every other tag, and every attribute but the two spans, makes it source.
const attributes = String.raw`(?:\s+[\w:-]+(?:\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+))?)*`
const structure = new RegExp(`<(/?)(table|caption|colgroup|col|thead|tbody|tfoot|tr|th|td)(${attributes})\\s*/?>`, 'gi')
const maxSpan = 50

export interface RawCell {
  text: string
  header: boolean
  colspan?: number
  rowspan?: number
}

/** The rows of an HTML table; null when something in it is neither a cell nor text. */
export function htmlRows(html: string): { head: RawCell[][]; body: RawCell[][] } | null {
  const head: RawCell[][] = []
  const body: RawCell[][] = []
  let inHead = false
  let row: RawCell[] | null = null
  let cell: RawCell | null = null
  let last = 0
  if ((html.match(/<table[\s>]/gi)?.length ?? 0) > 1) return null
  for (const match of html.matchAll(structure)) {
    const between = html.slice(last, match.index)
    last = match.index + match[0].length
    if (cell) cell.text += between
    else if (between.trim() !== '') return null
    const name = (match[2] ?? '').toLowerCase()
    const opens = match[1] === ''
    if (name === 'thead') inHead = opens
    else if (name === 'tr') {
      row = opens ? [] : null
      cell = null
      if (row) (inHead ? head : body).push(row)
    } else if (name === 'td' || name === 'th') {
      if (opens && row) row.push(cell = { text: '', header: name === 'th', ...sizes(match[3] ?? '') })
      else if (opens) return null
      else cell = null
    } else if (name === 'caption') return null
  }
  if (head.length === 0 && body[0]?.every((one) => one.header)) head.push(...body.splice(0, 1))
  return head.length + body.length === 0 ? null : { head, body }
}

function sizes(attributes: string): { colspan?: number; rowspan?: number } {
  const size = (name: string) => {
    const value = Number(new RegExp(`\\s${name}\\s*=\\s*["']?(\\d{1,3})`, 'i').exec(attributes)?.[1] ?? 1)
    return value > 1 ? { [name]: Math.min(value, maxSpan) } : {}
  }
  return { ...size('colspan'), ...size('rowspan') }
}
