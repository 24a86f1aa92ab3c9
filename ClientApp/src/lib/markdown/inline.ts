import type { Token, Tokens } from 'marked'
import type { NoteRefToken } from '../lexer/tokens'
import { inlineTag } from '../lexer/html'
import type { MathToken } from '../lexer/math'
import { drawMath } from './katex'
import type { InlineWords } from './words'

/**
 * Turns inline tokens into DOM nodes. Text becomes text nodes and no HTML string is built, so nothing a model writes can become markup, and
 * nothing it links to is loaded.
 */
export function drawInline(tokens: readonly Token[], words: InlineWords): DocumentFragment {
  const root = document.createDocumentFragment()
  const open: { tag: string; node: Node }[] = []
  const here = () => open.at(-1)?.node ?? root
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'text' && tokens[index - 1]?.type === 'math') {
      for (const node of tied(token as Tokens.Text, words)) here().appendChild(node)
      continue
    }
    // `<br>` at the end of a line breaks once.
    if (token.type === 'br' && inlineTag(tokens[index - 1]?.raw ?? '')?.name === 'br') continue
    if (token.type !== 'html') {
      here().appendChild(draw(token as Tokens.Generic, words))
      continue
    }
    const tag = inlineTag(token.raw)
    if (!tag) {
      if (!token.raw.startsWith('<!--')) here().appendChild(document.createTextNode(token.raw))
    } else if (tag.name === 'br') here().appendChild(document.createElement('br'))
    else if (tag.closing && open.at(-1)?.tag === tag.name) open.pop()
    else if (!tag.closing && closes(tokens, index, tag.name)) {
      const node = document.createElement(tag.name)
      here().appendChild(node)
      open.push({ tag: tag.name, node })
    } else here().appendChild(document.createTextNode(token.raw))
  }
  return root
}

function closes(tokens: readonly Token[], from: number, name: string): boolean {
  return tokens.some((token, at) => {
    const tag = at > from && token.type === 'html' ? inlineTag(token.raw) : null
    return tag?.closing === true && tag.name === name
  })
}

/** What the drawing of tokens depends on. Links and notes get their targets from elsewhere in the text, so the source is not enough. */
export function inlineKey(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      const { type, raw, tokens: inner, href, number } = token as Tokens.Generic
      return `${type} ${raw} ${String(href ?? number ?? '')}${inner ? `(${inlineKey(inner)})` : ''}`
    })
    .join('\n')
}

function draw(token: Tokens.Generic, words: InlineWords): Node {
  switch (token.type) {
    case 'strong':
    case 'em':
    case 'del':
      return wrap(document.createElement(token.type), token.tokens, words)
    case 'codespan': {
      const code = document.createElement('code')
      code.textContent = String(token['text'])
      return code
    }
    case 'br':
      return document.createElement('br')
    case 'link':
      return link(token as unknown as Tokens.Link, words)
    case 'image':
      return image(token as unknown as Tokens.Image, words)
    case 'math':
      return math(token as unknown as MathToken)
    case 'text':
      return token.tokens ? drawInline(token.tokens, words) : prose(decodeEntities(String(token['text'])), words)
    case 'escape':
      return document.createTextNode(String(token['text']))
    case 'noteRef':
      return noteRef(token as NoteRefToken)
    case 'checkbox':
    case 'held':
      return document.createTextNode('')
    default:
      return document.createTextNode(token.raw)
  }
}

/** Ties the punctuation after a formula to it, so that no line begins with a full stop. */
function tied(token: Tokens.Text, words: InlineWords): Node[] {
  const [end] = /^[\p{Po}\p{Pe}\p{Pf}]*/u.exec(token.text) ?? ['']
  if (end === '') return [draw(token, words)]
  const tie = document.createElement('span')
  tie.className = 'tie'
  tie.textContent = end
  return [tie, draw({ ...token, text: token.text.slice(end.length) }, words)]
}

/** `[1]`; Qwen and Zhipu also write `[ref_1]`, Azure `[doc1]`, Baidu `^[1]^`. */
const cited = /(\^?\[(?:ref_|doc)?(\d{1,3})\]\^?)/

/** Text in which `[1]` links to the source with that number, if there is one. */
function prose(text: string, words: InlineWords): Node {
  const parts = text.split(cited) // text, mark, number, text, ...
  if (parts.length === 1) return isolated(text)
  const root = document.createDocumentFragment()
  for (let at = 0; at < parts.length; at += 3) {
    const [before = '', mark, number] = parts.slice(at, at + 3)
    root.append(isolated(before))
    if (!mark || !number) break
    const source = words.cite(Number(number))
    const target = source && safeUrl(source.url)
    if (!source || !target) {
      root.append(mark)
      continue
    }
    const anchor = document.createElement('a')
    anchor.className = 'cite'
    anchor.textContent = number
    anchor.title = source.title
    external(anchor, target)
    root.append(anchor)
  }
  return root
}

/** Hebrew, Arabic and their neighbours, as the first letter that has a direction. */
const rightToLeft = /^[^\p{L}]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u
const word = "[\\p{Script=Latin}\\d_](?:[\\p{Script=Latin}\\d_.'’/-]*[\\p{Script=Latin}\\d_])?[+#]*"
/** Latin words with what belongs to them at the end: C++, C#, Node.js, Visual Studio Code. */
const latin = new RegExp(`((?=\\p{Script=Latin})${word}(?: ${word})*)`, 'u')

/** Latin words inside text that runs from the right keep their own order, signs included. */
function isolated(text: string): Node {
  if (!rightToLeft.test(text)) return document.createTextNode(text)
  const root = document.createDocumentFragment()
  for (const [index, part] of text.split(latin).entries()) {
    if (index % 2 === 0) root.append(part)
    else root.appendChild(document.createElement('bdi')).textContent = part
  }
  return root
}

const named: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  copy: '©',
  times: '×',
  middot: '·',
  rarr: '→',
  larr: '←',
}

/** Decodes the entities that models use in practice, without an HTML parser. */
export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]+));/gi, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return named[name] ?? whole
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? '', 16)
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}

function wrap(node: HTMLElement, tokens: readonly Token[] | undefined, words: InlineWords): HTMLElement {
  node.append(drawInline(tokens ?? [], words))
  return node
}

/** The parsed address; null for every scheme except http, https and mailto. */
export function safeUrl(href: string): URL | null {
  try {
    const target = new URL(href)
    return ['http:', 'https:', 'mailto:'].includes(target.protocol) && target.username === '' ? target : null
  } catch {
    return null
  }
}

/** The page scrolls to the text of the note; `Markdown.svelte` hears the click. */
function noteRef({ number }: NoteRefToken): Node {
  const node = document.createElement('sup')
  const anchor = document.createElement('a')
  anchor.className = 'note-ref'
  anchor.href = `#note-${number}`
  anchor.dataset['note'] = String(number)
  anchor.textContent = String(number)
  node.append(anchor)
  return node
}

function link(token: Tokens.Link, words: InlineWords): Node {
  // The address is still arriving.
  const pending = (token as Tokens.Generic)['pending'] === true
  const target = safeUrl(token.href)
  if (!target && !pending) return wrap(document.createElement('span'), token.tokens, words)
  const anchor = wrap(document.createElement(pending ? 'span' : 'a'), token.tokens, words)
  if (pending) anchor.className = 'link'
  if (target) external(anchor as HTMLAnchorElement, target)
  // A button inside a link is invalid, so the link keeps the text and the buttons follow it.
  const chips = [...anchor.querySelectorAll('.remote-image')]
  for (const chip of chips) chip.replaceWith(chip.querySelector('.alt')?.textContent ?? words.image)
  if (target && namesAnotherHost(anchor.textContent ?? '', target)) anchor.dataset['confirm'] = ''
  if (chips.length === 0) return anchor
  const root = document.createDocumentFragment()
  root.append(anchor, ...chips.flatMap((chip) => [' ', chip]))
  return root
}

function external(anchor: HTMLAnchorElement, target: URL): void {
  anchor.href = target.href
  anchor.target = '_blank'
  anchor.rel = 'noopener noreferrer'
}

/** Whether the text names another host than the link opens, like "paypal.com". Such a click asks first. */
export function namesAnotherHost(text: string, target: URL): boolean {
  const shown = /^\s*(?:https?:\/\/)?((?:[\p{L}\d-]+\.)+[\p{L}]{2,})(?:[/:?#]\S*)?\s*$/iu.exec(text)?.[1]
  if (!shown) return false
  const bare = (host: string) => host.toLowerCase().replace(/^www\./, '')
  return bare(shown) !== bare(target.hostname)
}

/** Loading a remote picture tells its server who reads this and when, so it becomes a button that names the host and loads on click. */
function image(token: Tokens.Image, words: InlineWords): Node {
  const target = safeUrl(token.href)
  if (!target || target.protocol === 'mailto:') return document.createTextNode(token.text || words.image)
  const chip = document.createElement('button')
  chip.type = 'button'
  chip.className = 'remote-image'
  if (token.text !== '') chip.append(span('alt', token.text), ' ')
  chip.append(span('action', words.loadImage(target.hostname)))
  chip.onclick = () => {
    chip.disabled = true
    import('./remote-image').then(({ showRemote }) => showRemote(chip, target, token.text, words)).catch(() => (chip.disabled = false))
  }
  return chip
}

function span(className: string, text: string): HTMLElement {
  const node = document.createElement('span')
  node.className = className
  node.textContent = text
  return node
}

function math(token: MathToken): Node {
  const node = document.createElement('span')
  node.className = token.display ? 'math-display' : 'math'
  drawMath(node, token.tex, token.display)
  return node
}
