import { Span } from '../markdown/span.svelte'
import type { Conversation } from '../state/conversation.svelte'
import type { Place } from '../state/places'
import type { Turn } from '../state/turn.svelte'
import { isHeld, placesIn } from './turn-elements'

/** A longer answer is drawn piece by piece. */
const longAnswer = 3000

/** The key stays the same when the list around the turn changes. */
interface Edge {
  key: number
  at: number
}

/** Which turns of a chat are in the document. What left it keeps its height. */
export class Drawn {
  /** The first drawn turn, and the first one below that is not drawn. Null: the last turn, and none. */
  #first = $state.raw<Edge | null>(null)
  #end = $state.raw<Edge | null>(null)
  #left = $state.raw({ above: 0, below: 0 })
  readonly #heights = new Map<number, number>()
  /** Replaced as a whole when the reader goes elsewhere. */
  #spans = $state.raw(new Map<number, Span | undefined>())

  constructor(private readonly conversation: Conversation) {}

  readonly start = $derived.by(() => Math.max(0, this.#first ? this.#indexOf(this.#first) : this.conversation.turns.length - 1))
  readonly end = $derived.by(() => (this.#end ? Math.max(this.start + 1, this.#indexOf(this.#end)) : this.conversation.turns.length))
  readonly turns = $derived.by(() => this.conversation.turns.slice(this.start, this.end))

  /** Every turn below is drawn, and so will be those that come. */
  get reachesEnd() {
    return this.#end === null
  }

  /** Heights of what left, above and below. */
  get left() {
    return this.#left
  }

  /** Which part of a long answer is drawn; what was seen growing is drawn whole. */
  spanOf(turn: Turn, begin = Span.fromEnd): Span | undefined {
    if (!this.#spans.has(turn.key)) {
      const { role, content } = turn.message
      const isPart = role === 'assistant' && content.length > longAnswer && this.conversation.live !== turn
      this.#spans.set(turn.key, isPart ? begin() : undefined)
    }
    return this.#spans.get(turn.key)
  }

  /** What may be drawn in part: the first turn, the last one, and one that others came after. */
  parts() {
    const spans = this.turns.map((turn) => this.spanOf(turn))
    const between = spans.find((span, at) => span && ((at > 0 && !span.reachesTop) || (at < spans.length - 1 && !span.reachesEnd)))
    return { first: spans[0], last: spans.at(-1), between }
  }

  set(start: number, end: number): void {
    const { turns } = this.conversation
    const edge = (at: number): Edge | null => (turns[at] ? { key: turns[at].key, at } : null)
    this.#first = edge(start)
    this.#end = edge(end)
    this.#left = { above: this.#sum(turns.slice(0, start)), below: this.#sum(turns.slice(end)) }
  }

  /** Draws the turn above or below. */
  add(at: number): void {
    const turn = this.conversation.turns[at]
    if (turn) this.spanOf(turn, at < this.start ? Span.fromEnd : Span.fromTop)
    this.set(Math.min(this.start, at), Math.max(this.end, at + 1))
  }

  /** Draws this turn alone. */
  only(at: number, begin: () => Span): void {
    const turn = this.conversation.turns[at]
    this.#spans = new Map()
    if (turn) this.spanOf(turn, begin)
    this.set(at, at + 1)
  }

  /** Draws all; the returned function draws what was drawn before. */
  all(): () => void {
    const before = [this.#first, this.#end, this.#left] as const
    for (const span of this.#spans.values()) span?.whole()
    for (const turn of this.conversation.turns) if (!this.#spans.has(turn.key)) this.#spans.set(turn.key, undefined)
    this.set(0, this.conversation.turns.length)
    return () => {
      ;[this.#first, this.#end, this.#left] = before
      for (const turn of this.conversation.turns) if (!this.turns.includes(turn)) this.#spans.delete(turn.key)
    }
  }

  /** Lets go the turns above and below these places in the document; false when there were none. */
  letGo(elements: readonly HTMLElement[], above: number, below: number): boolean {
    const { turns } = this
    // To the fraction of a pixel: whole ones would add up over the turns that leave.
    const boxes = elements.map((one) => one.getBoundingClientRect())
    const zero = (boxes[0]?.top ?? 0) - (elements[0]?.offsetTop ?? 0)
    const edges = [...boxes.map(({ top }) => top), boxes.at(-1)?.bottom ?? 0].map((edge) => edge - zero)
    let [from, to] = [0, elements.length]
    for (; from < to - 1 && (edges[from + 1] ?? 0) < above && !isKept(elements[from]); from++) this.#leave(turns[from], edges, from)
    for (; to > from + 1 && (edges[to - 1] ?? 0) > below && !isKept(elements[to - 1]); to--) this.#leave(turns[to - 1], edges, to - 1)
    if (from === 0 && to === elements.length) return false
    this.set(this.start + from, this.start + to)
    return true
  }

  /** Where the reader is: the first stored message in view, by its first block there. */
  placeIn(scroller: HTMLElement): Place | null {
    for (const { key, offset, block } of placesIn(scroller)) {
      const turn = this.turns.find((one) => String(one.key) === key)
      if (!turn || turn.message.id <= 0) continue
      return { messageId: turn.message.id, offset, ...(block === undefined ? {} : { block: block + (this.spanOf(turn)?.from ?? 0) }) }
    }
    return null
  }

  /** Draws what belongs where the view is, as when the scrollbar was dragged to a place whose turns left; false where they did not. */
  jumpToView({ scrollTop, clientHeight, scrollHeight }: HTMLElement, above: number, below: number): boolean {
    const { turns } = this.conversation
    const isAbove = above < -clientHeight && this.#left.above > 0
    if (!isAbove && !(below < -clientHeight && this.#left.below > 0)) return false
    let at = isAbove ? 0 : this.end
    for (let edge = isAbove ? 0 : scrollHeight - this.#left.below; at < turns.length - 1; at++) {
      edge += this.#sum(turns.slice(at, at + 1))
      if (edge > scrollTop) break
    }
    this.only(at, Span.fromTop)
    return true
  }

  #leave(turn: Turn | undefined, edges: readonly number[], at: number): void {
    if (!turn) return
    this.#heights.set(turn.key, (edges[at + 1] ?? 0) - (edges[at] ?? 0))
    this.#spans.delete(turn.key)
  }

  #sum(turns: readonly Turn[]): number {
    return turns.reduce((all, { key }) => all + (this.#heights.get(key) ?? 0), 0)
  }

  #indexOf({ key, at }: Edge): number {
    const { turns } = this.conversation
    if (turns[at]?.key === key) return at
    const found = turns.findIndex((turn) => turn.key === key)
    // It is gone, as with another branch: what took its place stands there.
    return found >= 0 ? found : Math.min(at, turns.length - 1)
  }
}

const isKept = (element: HTMLElement | undefined) => element === undefined || isHeld(element)
