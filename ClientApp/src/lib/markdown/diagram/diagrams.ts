import { elsewhere, limits, type Palette } from '../../../sandbox/protocol'
import { Renderer, sandboxed } from './frame'
import { isPlainSvg } from './svg-guard'

export type Refusal = 'tooLarge' | 'slow' | 'unreachable' | 'broken' | 'unsafe' | 'dear'

export interface Drawing {
  svg: string
  width: number
  height: number
}

/** `ms` is how long a drawing that is made only when asked for may take. */
export type Outcome = Drawing | { refused: Refusal; line: number | null; ms?: number }

// Bound in characters; a drawing has about ten thousand.
const maxCachedChars = 4_000_000
const largestSvg = 2_000_000

/** Cached drawings by source and colours, because a long chat unmounts distant diagrams and renders them again later. */
export class Diagrams {
  readonly #renderer: Pick<Renderer, 'draw'>
  readonly #cached = new Map<string, Outcome>()
  readonly #running = new Map<string, Promise<Outcome>>()
  #chars = 0

  constructor(renderer: Pick<Renderer, 'draw'> = new Renderer(sandboxed)) {
    this.#renderer = renderer
  }

  known(source: string, palette: Palette): Outcome | undefined {
    const key = keyOf(source, palette)
    const outcome = this.#cached.get(key)
    if (!outcome) return undefined
    this.#cached.delete(key)
    this.#cached.set(key, outcome)
    return outcome
  }

  /** @param asked Somebody wants it, even where the page stands still meanwhile. */
  draw(source: string, palette: Palette, asked = false): Promise<Outcome> {
    if (source.length > limits.chars) return Promise.resolve({ refused: 'tooLarge', line: null })
    const known = this.known(source, palette)
    if (known) return Promise.resolve(known)
    const key = keyOf(source, palette)
    let running = this.#running.get(key)
    if (!running || asked) {
      running = this.#draw(key, source, palette, asked).finally(() => this.#running.delete(key))
      this.#running.set(key, running)
    }
    return running
  }

  async #draw(key: string, source: string, palette: Palette, asked: boolean): Promise<Outcome> {
    const answer = await this.#renderer.draw(source, palette, asked)
    if ('failed' in answer && answer.failed === 'dear') return { refused: 'dear', line: null, ms: answer.ms }
    const outcome = 'svg' in answer ? check(answer.svg) : { refused: reasonOf(answer.failed, answer.detail), line: lineOf(answer.detail) }
    // An unreachable frame may be reachable later, so this result is not cached.
    if (!('refused' in outcome) || outcome.refused !== 'unreachable') this.#keep(key, outcome)
    return outcome
  }

  #keep(key: string, outcome: Outcome): void {
    this.#cached.set(key, outcome)
    this.#chars += sizeOf(key, outcome)
    for (const [old, one] of this.#cached) {
      if (this.#chars <= maxCachedChars) break
      this.#cached.delete(old)
      this.#chars -= sizeOf(old, one)
    }
  }
}

const keyOf = (source: string, palette: Palette) => `${JSON.stringify(palette)}\n${source}`
const sizeOf = (key: string, outcome: Outcome) => key.length + ('svg' in outcome ? outcome.svg.length : 0)

function reasonOf(failed: Refusal, detail: string): Refusal {
  if (failed !== 'broken') return failed
  if (detail === elsewhere) return 'unsafe'
  return /limit exceeded/i.test(detail) ? 'tooLarge' : 'broken'
}

function lineOf(detail: string): number | null {
  const line = /\bline:?\s+(\d{1,6})\b/i.exec(detail)?.[1]
  return line === undefined ? null : Number(line)
}

function check(svg: string): Outcome {
  const size = (name: string) => Number(new RegExp(`^<svg(?=\\s)[^>]*?\\s${name}="(\\d{1,6})"`).exec(svg)?.[1] ?? 0)
  const [width, height] = [size('width'), size('height')]
  if (width === 0 || height === 0) return { refused: 'broken', line: null }
  if (svg.length > largestSvg) return { refused: 'tooLarge', line: null }
  return isPlainSvg(svg) ? { svg, width, height } : { refused: 'unsafe', line: null }
}

export const diagrams = new Diagrams()
