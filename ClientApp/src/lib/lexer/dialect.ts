import { Lexer, Marked, Tokenizer, type Token, type TokenizerAndRendererExtension, type Tokens } from 'marked'
import { addressEnd, addressLink } from './address'
import { closeToMarkers } from './aligned'
import { pairsOf, type Pair } from './emphasis'
import { fenceOf } from './fence'
import { detailsOf, inlineTag, tableSource } from './html'
import { displayMath, formulaAt, mayBecomeFormula, opensDisplayMath, type MathToken } from './math'
import { begins, noteText, tightHeading } from './openings'
import { codeEnd, maxCode } from './spans'
import { gridOf, htmlRows, type RawCell } from './table'
import type { DetailsToken, NoteToken, TableToken } from './tokens'

// Markdown as models write it and as people read it in a chat. The parser is marked; this module names every place where GFM to the letter
// does not serve the reader, and takes its place there.
// - Emphasis next to East Asian text, and no strikethrough by one tilde: emphasis.ts.
// - A newline is a line break, because verses, addresses and key-value lines are written so.
// - A bare address ends before East Asian text and punctuation: address.ts.
// - Formulas in all notations, but no prices: math.ts.
// - A pipe in code or in a formula does not split a cell, and no cell is dropped: table.ts.
// - Fences within a fence of Markdown are counted: fence.ts.
// - `details`, plain HTML tables and some tags without attributes are drawn, other HTML is source: html.ts.
// - Footnotes, and headings without a blank behind the marks (`##标题`): openings.ts.
// - A line of dashes below a paragraph is a rule: models do not underline headings.
// - Items of a list that are aligned in columns are text: aligned.ts.
// While a text grows, `live` marks its end: what has begun there is drawn as what it will be.

/** Labels that are drawn as footnotes before their text has arrived; others could be the `[^a-z]` of a regular expression. */
export const usual = /^[\p{L}\p{N}_]+$/u

const never = /(?!)/
export class ReaderLexer extends Lexer {
  /** The text being lexed ends where more is still to come. */
  live = false
  /** More text will follow somewhere, so footnotes may still get theirs. */
  growing = false
  /** Labels of footnotes whose text is known, and the numbers of all that were referred to. */
  readonly notes = new Set<string>()
  numbers = new Map<string, number>()
  #text = ''
  #pairs: Map<number, Pair> | null = null

  constructor() {
    const tokenizer = new ReaderTokenizer()
    super({ ...marked.defaults, tokenizer })
    // The extension reads emphasis before marked would.
    tokenizer.rules = { ...tokenizer.rules, inline: { ...tokenizer.rules.inline, emStrongLDelim: never, delLDelim: never } }
  }

  override inlineTokens(src: string, tokens: Token[] = []): Token[] {
    const [text, pairs] = [this.#text, this.#pairs]
    this.#text = src
    this.#pairs = null
    super.inlineTokens(src, tokens)
    this.#text = text
    this.#pairs = pairs
    return tokens
  }

  nested(src: string, live: boolean): Token[] {
    const before = this.live
    this.live = before && live
    const tokens = this.inlineTokens(src)
    this.live = before
    return tokens
  }

  /** The emphasis that begins `rest` characters before the end. */
  emphasisAt(src: string): Tokens.Strong | Tokens.Em | Tokens.Del | undefined {
    this.#pairs ??= pairsOf(this.#text, this.live)
    const at = this.#text.length - src.length
    const pair = this.#pairs.get(at)
    if (!pair) return undefined
    const text = src.slice(pair.size, pair.close - at)
    const raw = src.slice(0, pair.close - at + (pair.pending ? 0 : pair.size))
    const type = src[0] === '~' ? 'del' : pair.size === 2 ? 'strong' : 'em'
    return { type, raw, text, tokens: this.nested(text, pair.pending) }
  }

  /** The character before the last `rest` ones. */
  before(rest: number): string {
    return this.#text[this.#text.length - rest - 1] ?? ''
  }

  /** The end of the address that begins `rest` characters before the end. */
  addressAt(rest: number): number {
    const at = this.#text.length - rest
    const end = addressEnd(this.#text, at)
    return end < 0 ? -1 : end - at
  }

  formulaAt(rest: number) {
    const at = this.#text.length - rest
    const formula = formulaAt(this.#text, at)
    return formula && { ...formula, end: formula.end - at }
  }

  isNote(label: string): boolean {
    return this.notes.has(label) || (this.growing && usual.test(label))
  }

  numberOf(label: string): number {
    let number = this.numbers.get(label)
    if (number === undefined) this.numbers.set(label, number = this.numbers.size + 1)
    return number
  }
}

class ReaderTokenizer extends Tokenizer {
  get #reader(): ReaderLexer {
    return this.lexer as ReaderLexer
  }

  override codespan(src: string): Tokens.Codespan | undefined {
    if (!src.startsWith('`')) return undefined
    if (!this.#reader.live || src.length > maxCode || codeEnd(src, 0) >= 0) return super.codespan(src)
    return { type: 'codespan', raw: src, text: src.replace(/^`+/, '').replaceAll('\n', ' ') }
  }

  /** Addresses are read by the extension; what is left are those of mail. */
  override url(src: string): Tokens.Link | undefined {
    return /^(?:(?:https?|ftp):|www\.|[^\w.+-])/i.test(src) ? undefined : super.url(src)
  }

  override link(src: string): Tokens.Link | Tokens.Image | undefined {
    const before = this.#reader.live
    this.#reader.live = false
    const link = super.link(src)
    this.#reader.live = before
    return link ?? (before ? this.#growing(src) : undefined)
  }

  /** A link whose address is still arriving is drawn as its text. */
  #growing(src: string): Tokens.Link | undefined {
    const match = /^\[((?:\\.|[^[\]\\]|\[[^[\]]*\])+)\]\((?:\S*|\S+\s+["'][^"'\n]*["']?)$/.exec(src)
    return match?.[1] === undefined ? undefined : this.#pending(src, match[1])
  }

  #pending(raw: string, text: string): Tokens.Link {
    return { type: 'link', raw, text, href: '', tokens: this.#reader.nested(text, false), ...{ pending: true } }
  }

  override reflink(src: string, links: Lexer['tokens']['links']): Tokens.Link | Tokens.Image | Tokens.Text | undefined {
    const link = super.reflink(src, links)
    if (link?.type !== 'text' || !this.#reader.growing) return link
    // `[text][label]`, whose definition comes later; not `a[i][j]` and not the sources `[2][3]`.
    const [raw, text = ''] = /^\[([^[\]\n]*[^[\]\s\d][^[\]\n]*)\]\[[^[\]\n]+\]/.exec(src) ?? []
    return raw === undefined || /\w/.test(this.#reader.before(src.length)) ? link : this.#pending(raw, text)
  }

  override html(src: string): Tokens.HTML | undefined {
    const first = /^ {0,3}(<\/?[a-z][^<>\n]*>)/i.exec(src)?.[1]
    // A line that begins with a tag of its text is a paragraph.
    return first !== undefined && inlineTag(first) ? undefined : super.html(src)
  }

  override fences(src: string): Tokens.Code | undefined {
    const fence = fenceOf(src, this.#reader.live)
    return fence ? { type: 'code', raw: fence.raw, lang: fence.info, text: fence.text } : undefined
  }

  override table(src: string): Tokens.Table | undefined {
    if (!/^[^\n]*\|[^\n]*\n/.test(src)) return undefined
    const blank = src.search(/\n[ \t]*\n/)
    const read = gridOf((blank < 0 ? src : src.slice(0, blank)).split('\n'), this.#reader.live)
    if (!read) return undefined
    const { header, align, rows } = read.grid
    const cells = (texts: string[], head: boolean) =>
      texts.map((text, at) => ({ text, tokens: this.lexer.inline(text), header: head, align: align[at] ?? null }))
    return {
      type: 'table',
      raw: src.split('\n', read.taken).join('\n'),
      align,
      header: cells(header, true),
      rows: rows.map((row) => cells(row, false)),
    }
  }

  override list(src: string): Tokens.List | undefined {
    const closer = closeToMarkers(src)
    const list = super.list(closer)
    if (list && closer !== src) list.raw = src.split('\n', list.raw.split('\n').length).join('\n')
    return list
  }

  override lheading(src: string): Tokens.Heading | undefined {
    const heading = super.lheading(src)
    return heading?.depth === 2 ? undefined : heading
  }
}

// An unfinished formula is longer than this only when it is none.
const maxHeld = 2000

type BlockContext = { lexer: Lexer }

const blocks: TokenizerAndRendererExtension = {
  name: 'reader',
  level: 'block',
  // Where a paragraph may end for one of these; beyond the next empty line it ends anyway.
  start(src) {
    const blank = src.search(/\n[ \t]*\n/)
    const at = (blank < 0 ? src : src.slice(0, blank + 1)).search(begins)
    return at < 0 ? undefined : at + 1
  },
  tokenizer(this: BlockContext, src): Tokens.Generic | undefined {
    const lexer = this.lexer as ReaderLexer
    const formula = displayMath(src)
    if (formula) return { type: 'mathBlock', ...formula }
    if (lexer.live && src.length < maxHeld && opensDisplayMath(src)) return { type: 'held', raw: src }
    if (/^ {0,3}(?:```|~~~)[ \t]*math[ \t]*(?:\n|$)/.test(src)) return mathFence(src, lexer)
    if (/^ {0,3}<details/i.test(src)) return details(src, lexer)
    if (/^ {0,3}<table/i.test(src)) return htmlTable(src, lexer)
    const note = noteText.exec(src)
    if (note) return noteOf(note, lexer)
    const def = lexer.options.tokenizer?.def(src)
    if (def) {
      // marked drops a definition that is there already, and its place in the text with it.
      lexer.tokens.links[def.tag] ??= { href: def.href, title: def.title }
      return def
    }
    const heading = tightHeading.exec(src)
    if (heading) {
      const text = (heading[2] ?? '').trim()
      return { type: 'heading', raw: heading[0], depth: heading[1]?.length ?? 2, text, tokens: lexer.inline(text) }
    }
    return undefined
  },
}

function mathFence(src: string, lexer: ReaderLexer): MathToken | Tokens.Generic | undefined {
  const fence = fenceOf(src, lexer.live)
  if (!fence) return undefined
  if (!fence.closed && lexer.live) return { type: 'held', raw: fence.raw }
  return { type: 'mathBlock', raw: fence.raw, tex: fence.text.trim(), display: true }
}

function details(src: string, lexer: ReaderLexer): DetailsToken | Tokens.Generic | undefined {
  const read = detailsOf(src)
  if (!read) return lexer.live && /^ {0,3}<details[^<>\n]*$/i.test(src) ? { type: 'held', raw: src } : undefined
  if (lexer.live && read.summary === '' && /^\s*(?:<[a-z]*)?$/i.test(read.inner)) return { type: 'held', raw: src }
  const summary = lexer.inline(read.summary)
  const { top } = lexer.state
  lexer.state.top = true
  const tokens = lexer.blockTokens(read.inner, [])
  lexer.state.top = top
  return { type: 'details', raw: read.raw, open: read.open, summary, tokens }
}

function htmlTable(src: string, lexer: ReaderLexer): TableToken | Tokens.Generic | undefined {
  const raw = tableSource(src, lexer.live)
  if (raw === null) return undefined
  const grows = lexer.live && raw === src && !/<\/table\s*>\s*$/i.test(raw)
  const rows = htmlRows(grows ? raw.replace(/<[^<>]*$/, '') : raw)
  if (!rows) return grows && raw.length < maxHeld && !/>[^<>]*[^<>\s][^<>]*$/.test(raw) ? { type: 'held', raw } : undefined
  const cells = (row: readonly RawCell[]) =>
    row.map(({ text: source, header, ...size }) => {
      const text = source.replace(/<\/(?:p|div|li)>\s*(?=<)/gi, '<br>').replace(/<\/?(?:p|div|ul|ol|li)(?:\s[^<>]*)?>/gi, '')
      const line = text.replace(/\s+/g, ' ').trim()
      return { text: line, tokens: lexer.inline(line), header, align: null, ...size }
    })
  return { type: 'table', raw, align: [], header: cells(rows.head.flat()), rows: rows.body.map(cells) }
}

function noteOf([raw, label = '', text = '']: RegExpExecArray, lexer: ReaderLexer): NoteToken {
  lexer.notes.add(label)
  const { top } = lexer.state
  lexer.state.top = true
  const tokens = lexer.blockTokens(text.replace(/\n(?: {2,4}|\t)/g, '\n'), [])
  lexer.state.top = top
  return { type: 'note', raw, label, tokens }
}

const inline: TokenizerAndRendererExtension = {
  name: 'readerInline',
  level: 'inline',
  start(src) {
    const at = src.search(/\$|\\[([]|\\begin\{|\\(?:ce|pu)\{|\[\^|https?:\/\/|www\./i)
    return at < 0 ? undefined : at
  },
  tokenizer(this: BlockContext, src): Tokens.Generic | undefined {
    const lexer = this.lexer as ReaderLexer
    if (src[0] === '[') {
      const [raw, label = ''] = /^\[\^([^\]\s]{1,60})\]/.exec(src) ?? []
      return raw !== undefined && lexer.isNote(label) ? { type: 'noteRef', raw, label, number: lexer.numberOf(label) } : undefined
    }
    if (src[0] === '*' || src[0] === '_' || src[0] === '~') return lexer.emphasisAt(src)
    if (/^(?:https?:|www\.)/i.test(src)) {
      const end = lexer.state.inLink ? -1 : lexer.addressAt(src.length)
      return end < 0 ? undefined : addressLink(src.slice(0, end))
    }
    if (src[0] !== '$' && src[0] !== '\\') return undefined
    const formula = lexer.formulaAt(src.length)
    if (formula) return { type: 'math', raw: src.slice(0, formula.end), tex: formula.tex, display: formula.display }
    return lexer.live && mayBecomeFormula(src) ? { type: 'held', raw: src } : undefined
  },
}

const marked = new Marked({ gfm: true, breaks: true, async: false })
marked.use({ extensions: [blocks, inline] })
