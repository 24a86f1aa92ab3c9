import { Lexer, Marked, type Token } from 'marked'
import { inTurn, nextTask } from '../browser/tasks'
import { mathBlock, mathInline } from './math'

const marked = new Marked({ gfm: true, async: false })
marked.use({ extensions: [mathBlock, mathInline] })

interface Lexed {
  tokens: Token[]
  links: Lexer['tokens']['links']
}

function lex(text: string, links: Lexed['links']): Lexed {
  const lexer = new Lexer(marked.defaults)
  lexer.tokens.links = { ...links }
  const tokens = lexer.lex(text)
  return { tokens, links: lexer.tokens.links }
}

/** Shorter texts are lexed in one go. */
const long = 800

let ahead: { text: string; lexed: Lexed } | null = null

/** Lexes a long text piece by piece before it is rendered: both in one task would block a phone for too long. */
export async function readAhead(source: string): Promise<void> {
  if (source.length < long) return
  await nextTask()
  const text = unified(source)
  const lexer = new Lexer(marked.defaults)
  // The steps of `lex`: blocks first, then the inline tokens of each.
  const tokens = lexer.blockTokens(text, lexer.tokens)
  for (const piece of lexer.inlineQueue) inTurn(() => lexer.inlineTokens(piece.src, piece.tokens))
  await new Promise<void>((done) => inTurn(done))
  ahead = { text, lexed: { tokens, links: lexer.tokens.links } }
  await nextTask()
}

function unified(source: string): string {
  return source.includes('\r') ? source.replace(/\r\n?/g, '\n') : source
}

function lexOrTake(text: string, links: Lexed['links']): Lexed {
  if (ahead?.text !== text || Object.keys(links).length > 0) return lex(text, links)
  const { lexed } = ahead
  ahead = null
  return lexed
}

/**
 * Markdown that grows at its end. Blocks that can no longer change keep their token objects, so only the tail is lexed and rendered
 * again.
 */
export class BlockStream {
  #settled: Token[] = []
  #prefix = ''
  #links: Lexed['links'] = {}

  update(source: string, complete: boolean): Token[] {
    const text = unified(source)
    if (!text.startsWith(this.#prefix)) this.#reset()
    const { tokens, links } = lexOrTake(text.slice(this.#prefix.length), this.#links)
    const all = [...this.#settled, ...tokens].filter((token) => token.type !== 'space' && token.type !== 'def')
    if (!complete) this.#settle(tokens, links)
    return all
  }

  /** Settles everything before the last two blocks, because no later text can join it. */
  #settle(tokens: Token[], links: Lexed['links']): void {
    const visible = tokens.flatMap((token, index) => (token.type === 'space' ? [] : [index]))
    const keepFrom = visible.at(-2)
    if (keepFrom === undefined || keepFrom === 0) return
    const settled = tokens.slice(0, keepFrom)
    this.#settled.push(...settled)
    this.#prefix += settled.map((token) => token.raw).join('')
    this.#links = links
  }

  #reset(): void {
    this.#settled = []
    this.#prefix = ''
    this.#links = {}
  }
}
