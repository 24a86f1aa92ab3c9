import { flushSync, tick } from 'svelte'
import { nextTask } from '../browser/tasks'
import { readAhead } from '../lexer/blocks'
import { Span } from '../markdown/span.svelte'
import type { Conversation } from '../state/conversation.svelte'
import type { Place } from '../state/places'
import type { Turn } from '../state/turn.svelte'
import { Anchor } from './anchor'
import { Drawn } from './drawn.svelte'
import { Pace } from './pace'
import { elementOf, turnElements } from './turn-elements'

/** This much stays drawn above and below the view, or one view of it where that is more; turns that are this many times further leave. */
const leastAhead = 1500
const farTimes = 2
const [saveMs, restMs, settleFrames] = [300, 300, 2]
/** Correcting `scrollTop` ends the engine's animation of a wheel step, so what is not urgent waits until the view stands still. */
const stillMs = 150

/**
 * The reader's position in a chat: at the end and following it, or somewhere above. Only what is near the view is drawn, piece by piece,
 * and what is far leaves the document again.
 */
export class Reading {
  readonly drawn: Drawn
  #following = $state(true)
  #below = $state(false)
  #opening = $state(true)
  #scroller: HTMLElement | null = null
  #anchor: Anchor | null = null
  #lastTop = 0
  readonly #pace = new Pace()
  #filling = false
  #filledAt = 0
  #movedAt = 0
  #resting: ReturnType<typeof setTimeout> | undefined
  #printing = false
  #saving: ReturnType<typeof setTimeout> | undefined
  /** The position to restore, until it is reached. */
  #wanted = $state.raw<Place | null>(null)

  constructor(private readonly conversation: Conversation) {
    this.drawn = new Drawn(conversation)
    this.#wanted = conversation.place
    if (this.#wanted) this.#drawAt(this.#wanted)
    this.#following = !this.#wanted
  }

  /** False until the position is restored or the end is laid out; showing the list earlier would make it jump. */
  get hidden() {
    return this.#wanted !== null || this.#opening
  }

  /** Something stands below the view, and the reader does not follow the end. */
  get below() {
    return (this.#below || !this.drawn.reachesEnd) && !this.#following
  }

  readonly hasMore = $derived.by(() => !this.#opening && (this.drawn.start > 0 || this.conversation.transcript.hasOlder))

  /** Attachment for the scrolling element. */
  attach = (node: HTMLElement) => {
    this.#scroller = node
    this.#anchor = new Anchor(node)
    const leave = () => this.#remember()
    node.addEventListener('scroll', this.#scrolled, { passive: true })
    addEventListener('pagehide', leave)
    return () => {
      leave()
      node.removeEventListener('scroll', this.#scrolled)
      removeEventListener('pagehide', leave)
      this.#scroller = null
    }
  }

  /** Attachment for the column inside: keeps in place what is seen, or the end, while something in the column changes. */
  keep = (node: HTMLElement) => {
    const observer = new ResizeObserver(() => {
      this.#hold()
      this.#look()
      void this.fill()
    })
    observer.observe(node)
    return () => observer.disconnect()
  }

  toEnd(): void {
    this.#wanted = null
    this.#following = true
    if (!this.drawn.reachesEnd) this.drawn.only(this.conversation.turns.length - 1, Span.fromEnd)
    this.#filledAt = 0
    this.#hold()
    void this.fill()
  }

  /** Keeps the visible content in place when the tree changed above the end. */
  stay(): void {
    this.#following = false
  }

  /** Draws the whole chat, for printing; the returned function puts the view back. */
  async whole(): Promise<() => void> {
    const { transcript } = this.conversation
    while (transcript.hasOlder && !transcript.olderFailed) await transcript.loadOlder()
    return this.wholeNow()
  }

  /** Draws all that is loaded, at once. */
  wholeNow(): () => void {
    if (this.#printing) return () => undefined
    const top = this.#scroller?.scrollTop ?? 0
    this.#printing = true
    this.#opening = false
    const back = this.drawn.all()
    flushSync()
    return () => {
      back()
      flushSync()
      this.#printing = false
      if (this.#scroller) this.#scroller.scrollTop = top
      void this.fill()
    }
  }

  /** Draws the turn, the whole of it, and scrolls it into view. */
  async reveal(turn: Turn): Promise<Element | null> {
    this.#wanted = null
    this.#following = false
    this.#opening = false
    if (!this.drawn.turns.includes(turn)) this.drawn.only(this.conversation.turns.indexOf(turn), Span.fromTop)
    await tick()
    const span = this.drawn.spanOf(turn)
    while (span && !span.isWhole) await this.#change(() => span.grow(this.#pace.piece))
    const element = elementOf(this.#scroller, turn.key)
    if (!element) return null
    do this.#anchor?.pin(element, Math.max(0, (this.#scroller?.clientHeight ?? 0) - element.clientHeight) / 2)
    while (await this.#step())
    return element
  }

  /** Restores the reader's position once the messages have loaded; goes to the end when it no longer exists. */
  async goBack(): Promise<void> {
    const place = this.#wanted
    if (!place) return
    await this.conversation.transcript.loadUntil(place.messageId)
    // A later request of the reader takes precedence.
    if (this.#wanted !== place) return
    const turn = this.#drawAt(place)
    if (turn) await this.#settle(turn, place)
    else this.toEnd()
    if (this.#wanted === place) this.#wanted = null
    this.#opening = false
    void this.fill()
  }

  /** Draws what is missing near the view and lets go what is far, by small pieces; a chat is shown once the view is full. */
  async fill(): Promise<void> {
    if (this.#filling) return
    // An answer that is followed moves the view with every token.
    if (this.#following && !this.#opening && performance.now() - this.#filledAt < restMs) {
      this.#resting ??= setTimeout(() => void this.fill(), restMs)
      return
    }
    clearTimeout(this.#resting)
    this.#resting = undefined
    this.#filling = true
    try {
      await nextTask()
      while (!this.#wanted && await this.#step());
    } finally {
      this.#filling = false
      this.#filledAt = performance.now()
      this.#opening &&= this.conversation.turns.length === 0 && this.conversation.transcript.state !== 'ready'
    }
  }

  /** One piece of it; false when nothing is left to do. */
  async #step(): Promise<boolean> {
    const [scroller, { drawn }, { turns, transcript }] = [this.#scroller, this, this.conversation]
    const elements = turnElements(scroller)
    const [top, bottom] = [elements[0], elements.at(-1)]
    if (!scroller || !top || !bottom || this.#printing) return false
    const { scrollTop, clientHeight } = scroller
    const above = scrollTop - top.offsetTop
    const below = bottom.offsetTop + bottom.offsetHeight - scrollTop - clientHeight
    const { first, last, between } = drawn.parts()
    const isTop = drawn.start === 0 && !transcript.hasOlder && first?.reachesTop !== false
    if (above >= 0 || isTop) this.#opening = false
    if (!this.#wanted && drawn.jumpToView(scroller, above, below)) {
      await tick()
      this.#anchor?.mark()
      return true
    }
    const ahead = Math.max(leastAhead, clientHeight)
    const far = ahead * (1 + farTimes)
    const letGo = () => drawn.letGo(elements, scrollTop - far, this.#following ? Infinity : scrollTop + clientHeight + far)
    // A hand that never rests always wants more drawn; what it passed must leave all the same, or every layout takes longer.
    if (!this.#wanted && !this.#following && Math.max(above, below) > far * farTimes && letGo()) return this.#change(() => undefined)
    if (between) return this.#change(() => between.grow(this.#pace.piece))
    if (below < ahead && last && !last.reachesEnd) return this.#change(() => last.down(this.#pace.piece))
    if (below < ahead && drawn.end < turns.length) return this.#draw(drawn.end)
    if (above < ahead && above > ahead / 2 && performance.now() - this.#movedAt < stillMs) {
      this.#resting ??= setTimeout(() => void this.fill(), stillMs)
      return false
    }
    if (above < ahead && first && !first.reachesTop) return this.#change(() => first.up(this.#pace.piece))
    if (above < ahead && drawn.start > 0) return this.#draw(drawn.start - 1)
    if (above < ahead && transcript.hasOlder && !transcript.olderFailed) {
      await transcript.loadOlder()
      return !transcript.olderFailed
    }
    if (!this.#wanted && letGo()) await this.#change(() => undefined)
    return false
  }

  async #draw(at: number): Promise<boolean> {
    const [turn, { start, end }] = [this.conversation.turns[at], this.drawn]
    if (turn?.message.role === 'assistant') await readAhead(turn.message.content)
    // The reader may have gone elsewhere meanwhile.
    if (this.conversation.turns[at] !== turn || start !== this.drawn.start || end !== this.drawn.end || this.#printing) return true
    return this.#change(() => this.drawn.add(at))
  }

  async #change(change: () => void): Promise<boolean> {
    const began = performance.now()
    change()
    await tick()
    this.#hold()
    this.#pace.took(performance.now() - began)
    await nextTask()
    return true
  }

  #scrolled = () => {
    const scroller = this.#scroller
    if (!scroller || this.#wanted) return
    const distance = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop
    const isMoved = Math.abs(scroller.scrollTop - this.#lastTop) > 0.5
    // Only scrolling up is intended by the reader; growth below the position is not.
    if (distance < 32 && this.drawn.reachesEnd) this.#following = true
    else if (scroller.scrollTop < this.#lastTop - 1) this.#following = false
    this.#lastTop = scroller.scrollTop
    this.#look()
    if (!this.#following && isMoved) {
      this.#movedAt = performance.now()
      // What moved since the last frame is made good first; then the view itself has moved.
      this.#hold()
      this.#anchor?.mark()
    }
    void this.fill()
    clearTimeout(this.#saving)
    this.#saving = setTimeout(() => this.#remember(), saveMs)
  }

  #drawAt({ messageId, block = 0 }: Place): Turn | undefined {
    const at = this.conversation.turns.findIndex((turn) => turn.message.id === messageId)
    if (at >= 0) this.drawn.only(at, () => new Span(block))
    return this.conversation.turns[at]
  }

  /** Formulas change heights as they are drawn, so the place is held until nothing moves any more, and from then on like any other. */
  async #settle(turn: Turn, place: Place): Promise<void> {
    const isWanted = () => this.#wanted === place && this.#scroller
    const align = () => {
      const from = this.drawn.spanOf(turn)?.from ?? 0
      const element = elementOf(this.#scroller, turn.key, place.block === undefined ? undefined : place.block - from)
      if (element) this.#anchor?.pin(element, place.offset)
      this.#lastTop = this.#scroller?.scrollTop ?? 0
    }
    await tick()
    align()
    while (isWanted() && await this.#step()) align()
    for (let frame = 0; frame < settleFrames && isWanted(); frame++) {
      await new Promise((drawn) => requestAnimationFrame(drawn))
      align()
    }
  }

  #look(): void {
    const scroller = this.#scroller
    this.#below = scroller !== null && scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop > 64
  }

  #hold(): void {
    const scroller = this.#scroller
    if (!scroller || this.#wanted || this.#printing) return
    if (this.#following) scroller.scrollTop = scroller.scrollHeight
    else this.#anchor?.hold()
    this.#lastTop = scroller.scrollTop
  }

  #remember(): void {
    clearTimeout(this.#saving)
    const scroller = this.#scroller
    // A list that was not shown yet has no position to store.
    if (!scroller || this.#wanted || this.conversation.transcript.state !== 'ready') return
    this.conversation.place = this.#following ? null : this.drawn.placeIn(scroller)
  }
}
