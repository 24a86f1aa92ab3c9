import type { Token, Tokens } from 'marked'
import { inTurn, nextTask } from '../browser/tasks'
import { adoptAlerts } from './alert'
import { ReaderLexer, usual } from './dialect'
import { closeTags, heldBlocks, heldInline, isOpen, leafOf } from './growing'
import type { NoteRefToken, NoteToken } from './tokens'

/** The footnotes, drawn below the text wherever they were written. */
export interface NotesToken extends Tokens.Generic {
  type: 'notes'
  items: { number: number; label: string; tokens: Token[]; cited: boolean }[]
}

interface Known {
  links: ReaderLexer['tokens']['links']
  /** Labels of footnotes that have their text, and the numbers of those referred to. */
  notes: Set<string>
  numbers: Map<string, number>
}

interface Lexed extends Known {
  tokens: Token[]
}

const nothing = (): Known => ({ links: {}, notes: new Set(), numbers: new Map() })

/** `live`: the end of the text grows. `growing`: text follows somewhere. */
type Mode = { live: boolean; growing: boolean }

function prepared(text: string, known: Known, { live, growing }: Mode): ReaderLexer {
  const lexer = new ReaderLexer()
  lexer.tokens.links = { ...known.links }
  lexer.numbers = new Map(known.numbers)
  for (const note of known.notes) lexer.notes.add(note)
  lexer.growing = growing
  lexer.live = live
  lexer.blockTokens(text, lexer.tokens)
  adoptAlerts(lexer.tokens, lexer.inlineQueue)
  return lexer
}

function lex(text: string, known: Known, mode: Mode): Lexed {
  let lexer = prepared(text, known, mode)
  let source = text
  if (mode.live) {
    source = heldBlocks(text, leafOf(lexer.tokens))
    if (source !== text) lexer = prepared(source, known, mode)
  }
  const leaf = mode.live ? leafOf(lexer.tokens) : undefined
  const end = leaf && isOpen(source, leaf) ? leaf.tokens : undefined
  for (const { src, tokens } of lexer.inlineQueue) {
    lexer.live = tokens === end
    lexer.inlineTokens(lexer.live ? heldInline(src) : src, tokens)
    if (lexer.live) closeTags(tokens)
  }
  const last = lexer.tokens.at(-1)
  if (last && last === leaf && end?.every((token) => token.type === 'held')) last.type = 'held'
  return resultOf(lexer)
}

const resultOf = (lexer: ReaderLexer): Lexed => ({
  tokens: lexer.tokens,
  links: lexer.tokens.links,
  notes: lexer.notes,
  numbers: lexer.numbers,
})

/** Shorter texts are lexed in one go. */
const long = 800

let ahead: { text: string; lexed: Lexed } | null = null

/** Lexes a long text piece by piece before it is rendered: both in one task would block a phone for too long. */
export async function readAhead(source: string): Promise<void> {
  if (source.length < long) return
  await nextTask()
  const text = unified(source)
  // The steps of `lex`: blocks first, then the inline tokens of each.
  const lexer = prepared(text, nothing(), { live: false, growing: false })
  for (const piece of lexer.inlineQueue) inTurn(() => lexer.inlineTokens(piece.src, piece.tokens))
  await new Promise<void>((done) => inTurn(done))
  ahead = { text, lexed: resultOf(lexer) }
  await nextTask()
}

function unified(source: string): string {
  return source.includes('\r') ? source.replace(/\r\n?/g, '\n') : source
}

const invisible = new Set(['space', 'def', 'note', 'held'])

/**
 * Markdown that grows at its end. Blocks that can no longer change keep their token objects, so only the tail is lexed and rendered
 * again. What is drawn at the end equals what is drawn of the whole text at once.
 */
export class BlockStream {
  #settled: Token[] = []
  #prefix = ''
  #known = nothing()
  /** Definitions that were applied to the settled blocks. */
  #applied = new Set<string>()

  update(source: string, complete: boolean): Token[] {
    const text = unified(source)
    if (!text.startsWith(this.#prefix)) this.#reset()
    let lexed = this.#lex(text, complete)
    if (this.#isLate(lexed, complete)) {
      this.#reset()
      lexed = this.#lex(text, complete)
    }
    const all = [...this.#settled, ...lexed.tokens]
    if (!complete) this.#settle(lexed)
    const notes = notesOf(all, lexed.numbers)
    const blocks = all.filter((token) => !invisible.has(token.type))
    return notes ? [...blocks, notes] : blocks
  }

  #lex(text: string, complete: boolean): Lexed {
    const rest = text.slice(this.#prefix.length)
    if (ahead?.text === rest && this.#prefix === '' && complete) {
      const { lexed } = ahead
      ahead = null
      return lexed
    }
    return lex(rest, this.#known, { live: !complete, growing: !complete })
  }

  /** Settles everything before the last two blocks, because no later text can join it. */
  #settle({ tokens, links }: Lexed): void {
    const visible = tokens.flatMap((token, index) => (token.type === 'space' ? [] : [index]))
    const keepFrom = visible.at(-2)
    if (keepFrom === undefined || keepFrom === 0) return
    const settled = tokens.slice(0, keepFrom)
    this.#settled.push(...settled)
    this.#prefix += settled.map((token) => token.raw).join('')
    const { notes, numbers } = this.#known
    for (const label of refsOf(settled)) if (!numbers.has(label)) numbers.set(label, numbers.size + 1)
    for (const token of settled) if (token.type === 'note') notes.add((token as NoteToken).label)
    this.#known = { links, notes, numbers }
  }

  /**
   * Applies definitions that came after the blocks that refer to them. It is true when footnotes turned out to be others than they were
   * drawn as, so that all has to be lexed again.
   */
  #isLate({ links, notes }: Lexed, complete: boolean): boolean {
    if (this.#settled.length === 0) return false
    for (const label of Object.keys(links)) {
      if (label in this.#known.links || this.#applied.has(label)) continue
      this.#applied.add(label)
      if (!this.#apply(`[${label}]`, links, !complete)) return true
    }
    // Links whose definition never came are text.
    if (complete && this.#settled.some((token) => /\]\[[^\]\s]/.test(token.raw)) && !this.#apply('][', links, false)) return true
    if (complete && [...this.#known.numbers.keys()].some((label) => !notes.has(label))) return true
    for (const label of notes) {
      if (usual.test(label) || this.#known.numbers.has(label)) continue
      if (this.#settled.some((token) => token.type !== 'note' && token.raw.includes(`[^${label}]`))) return true
    }
    return false
  }

  #apply(reference: string, links: Known['links'], growing: boolean): boolean {
    for (const [index, token] of this.#settled.entries()) {
      if (token.type === 'def' || token.type === 'code' || !token.raw.toLowerCase().includes(reference)) continue
      const { tokens } = lex(token.raw, { ...this.#known, links }, { live: false, growing })
      const again = tokens.filter((one) => one.type !== 'space')
      if (again.length !== 1 || again[0]?.type !== token.type) return false
      this.#settled[index] = again[0]
    }
    return true
  }

  #reset(): void {
    this.#settled = []
    this.#prefix = ''
    this.#known = nothing()
    this.#applied = new Set()
  }
}

/** The labels that the tokens refer to, in their order. */
function* refsOf(tokens: readonly unknown[]): Generator<string> {
  for (const token of tokens as Tokens.Generic[]) {
    if (typeof token.raw === 'string' && !token.raw.includes('[^')) continue
    if (token.type === 'noteRef') yield (token as NoteRefToken).label
    for (const part of [token['header'], token['summary'], token.tokens, token['items']]) {
      if (Array.isArray(part)) yield* refsOf(part)
    }
    if (token.type === 'table') yield* refsOf((token as unknown as Tokens.Table).rows.flat())
  }
}

function notesOf(tokens: readonly Token[], numbers: ReadonlyMap<string, number>): NotesToken | undefined {
  const texts = new Map<string, NoteToken>()
  for (const token of tokens) {
    if (token.type === 'note' && !texts.has((token as NoteToken).label)) texts.set((token as NoteToken).label, token as NoteToken)
  }
  if (texts.size === 0) return undefined
  let next = numbers.size
  const items = [...texts].map(([label, { tokens: content }]) => {
    const number = numbers.get(label)
    return { number: number ?? ++next, label, tokens: content, cited: number !== undefined }
  })
  return { type: 'notes', raw: '', items: items.sort((one, two) => one.number - two.number) }
}
