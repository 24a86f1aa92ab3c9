import { inTurn } from '../browser/tasks'
import { whenNear } from './near'

type Draw = (code: string) => DocumentFragment

/** The highlighter of a language; null for an unknown one. */
const ready = new Map<string, Draw | null>()
const loading = new Map<string, Promise<void>>()

// A longer block is not highlighted: the cost outweighs the use.
const maxChars = 20_000

// A block that grows is highlighted again after a pause that leaves most of the time to the text.
const leastPause = 250
const pauseTimes = 20

const escapes = /(?:\u001b|\u009b|\u241b)(?:\[?[\d;:]*[A-Za-z]|[()][A-Z0-9]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g

/** Code without the escape sequences of a terminal. */
export const withoutEscapes = (code: string): string =>
  (hasEscapes(code) ? code.replace(escapes, '').replace(/\u001b[^\n]{0,20}$/, '') : code)
const hasEscapes = (code: string): boolean => /[\u001b\u009b\u241b]/.test(code)

/** Terminal output is drawn by its own escape sequences, whatever language its fence names. */
const terminal = '\u001b'

async function load(language: string): Promise<void> {
  if (language === terminal) {
    const { drawAnsi } = await import('./ansi')
    ready.set(language, drawAnsi)
    return
  }
  const { canonical, prepare, highlight } = await import('./highlight-lazy')
  const name = canonical(language)
  if (name) await prepare(name)
  ready.set(language, name === null ? null : (code) => highlight(code, name))
}

function whenReady(language: string, then: () => void): void {
  let coming = loading.get(language)
  if (!coming) loading.set(language, coming = load(language))
  // Loading failed; the next block tries again.
  coming.then(() => inTurn(then)).catch(() => loading.delete(language))
}

/**
 * Code inside one element. Growing code keeps its highlighted beginning and shows the new end plain until the next pass, so it does not
 * flicker.
 */
export class CodePainter {
  readonly #node: HTMLElement
  #code = ''
  #language = ''
  #painted = ''
  readonly #tail = document.createTextNode('')
  #timer: ReturnType<typeof setTimeout> | null = null
  #near = false
  /** What the last pass took, in ms. */
  #cost = 0

  constructor(node: HTMLElement) {
    this.#node = node
    this.#node.replaceChildren(this.#tail)
    whenNear(node, () => {
      this.#near = true
      if (this.#timer === null && this.#painted !== this.#code) this.#schedule(0)
    })
  }

  set(code: string, named: string, live: boolean): void {
    const language = hasEscapes(code) ? terminal : named
    if (code === this.#code && language === this.#language && this.#painted === code) return
    const grows = language === this.#language && code.startsWith(this.#painted)
    this.#code = code
    this.#language = language
    if (grows) this.#tail.data = withoutEscapes(code.slice(this.#painted.length))
    else this.#plain()
    if (this.#near && this.#timer === null) this.#schedule(live && this.#painted !== '' ? Math.max(leastPause, this.#cost * pauseTimes) : 0)
  }

  #schedule(ms: number): void {
    if (this.#language === '' || this.#code.length > maxChars) return
    this.#timer = setTimeout(() => this.#paint(), ms)
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #plain(): void {
    this.#painted = ''
    this.#tail.data = withoutEscapes(this.#code)
    this.#node.replaceChildren(this.#tail)
  }

  #paint(): void {
    this.#timer = null
    const draw = ready.get(this.#language)
    if (draw === undefined) {
      whenReady(this.#language, () => this.#paint())
      return
    }
    if (draw === null) return
    const began = performance.now()
    const nodes = draw(this.#code)
    this.#painted = this.#code
    this.#tail.data = ''
    this.#put(nodes)
    this.#cost = performance.now() - began
  }

  /** Takes over from where it differs: in a block that grows most of it stays as it is. */
  #put(nodes: DocumentFragment): void {
    let old: ChildNode = this.#node.firstChild ?? this.#tail
    while (old !== this.#tail && nodes.firstChild?.isEqualNode(old)) {
      nodes.firstChild.remove()
      old = old.nextSibling ?? this.#tail
    }
    while (old !== this.#tail) {
      const next = old.nextSibling ?? this.#tail
      old.remove()
      old = next
    }
    this.#tail.before(nodes)
  }
}
