import type { Token } from 'marked'

/** The first piece in characters: about a screen. */
const begin = 1500
/** What a block costs at least, however short its source is. */
const leastSize = 80

/**
 * The part of a long answer that is drawn: it grows piece by piece, upwards from its end, downwards from its top, or both ways from a block
 * within.
 */
export class Span {
  #above = $state(0)
  #below = $state(0)
  #all = false
  #from = 0
  #to = 0
  #count = 0

  constructor(private readonly start: number) {
    if (start > 0) this.#above = begin
    if (start !== Infinity) this.#below = begin
  }

  static readonly fromEnd = () => new Span(Infinity)
  static readonly fromTop = () => new Span(0)

  /** Index of the first drawn block, as of the last drawing. */
  get from() {
    return this.#from
  }
  get reachesTop() {
    return this.#from === 0
  }
  get reachesEnd() {
    return this.#to >= this.#count
  }

  get isWhole() {
    return this.reachesTop && this.reachesEnd
  }

  up(chars: number): void {
    this.#above += chars
  }

  down(chars: number): void {
    this.#below += chars
  }

  grow(chars: number): void {
    if (this.reachesTop) this.down(chars)
    else this.up(chars)
  }

  whole(): void {
    this.up(Infinity)
    this.down(Infinity)
  }

  /** The blocks to draw. What was live once stays whole. */
  rangeOf(blocks: readonly Token[], live: boolean): { from: number; to: number } {
    const [above, below] = [this.#above, this.#below]
    this.#all ||= live
    this.#count = blocks.length
    const start = Math.min(this.start, blocks.length)
    this.#from = this.#all ? 0 : start
    this.#to = this.#all ? blocks.length : start
    for (let size = 0; this.#from > 0 && size < above; size += sizeOf(blocks[this.#from])) this.#from--
    for (let size = 0; this.#to < blocks.length && size < below; size += sizeOf(blocks[this.#to - 1])) this.#to++
    return { from: this.#from, to: this.#to }
  }
}

const sizeOf = (token: Token | undefined) => Math.max(leastSize, token?.raw.length ?? 0)
