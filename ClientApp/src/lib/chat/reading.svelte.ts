import { tick } from 'svelte'
import type { Conversation } from '../state/conversation.svelte'
import type { Turn } from '../state/turn.svelte'

/** Turns drawn when a chat opens, and how many more each time the reader comes near the upper end. */
const firstWindow = 10
const step = 16
/** At the end of a chat nothing above this many turns stays drawn. */
const mostAtEnd = 80

/**
 * Where the reader is in a chat: at the end and following it, or somewhere above. Draws only the turns near
 * there, so that a chat of thousands opens and streams like a short one.
 */
export class Reading {
  #following = $state(true)
  /** The first turn that is drawn; turns keep their key when the list around them changes. */
  #first = $state<number | null>(null)
  #scroller: HTMLElement | null = null
  #lastTop = 0
  #widening = false

  constructor(private readonly conversation: Conversation) {
    const place = conversation.place
    if (!place) return
    const at = conversation.turns.findIndex((turn) => turn.key === place.key)
    if (at < 0) return
    this.#following = false
    this.#first = conversation.turns[Math.max(0, at - step)]?.key ?? null
  }

  get following() {
    return this.#following
  }

  readonly start = $derived.by(() => {
    const { turns } = this.conversation
    const at = this.#first === null ? -1 : turns.findIndex((turn) => turn.key === this.#first)
    return at >= 0 ? at : Math.max(0, turns.length - firstWindow)
  })
  readonly shown = $derived.by(() => this.conversation.turns.slice(this.start))
  readonly hasMore = $derived.by(() => this.start > 0 || this.conversation.transcript.hasOlder)

  /** For the element that scrolls. */
  attach = (node: HTMLElement) => {
    this.#scroller = node
    const { place } = this.conversation
    const turn = place && node.querySelector<HTMLElement>(`[data-key="${place.key}"]`)
    if (turn) node.scrollTop = turn.offsetTop - place.offset
    this.#lastTop = node.scrollTop
    const leave = () => this.#remember()
    node.addEventListener('scroll', this.#scrolled, { passive: true })
    return () => {
      leave()
      node.removeEventListener('scroll', this.#scrolled)
      this.#scroller = null
    }
  }

  /** For the column inside: stays at the end while it grows. */
  keepEnd = (node: HTMLElement) => {
    const observer = new ResizeObserver(() => {
      if (this.#following) this.#jump()
    })
    observer.observe(node)
    return () => observer.disconnect()
  }

  /** For the mark above the first turn: comes near, more is drawn or fetched. */
  nearTop = (node: HTMLElement) => {
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) void this.widen()
    }, { root: this.#scroller, rootMargin: '800px 0px 0px' })
    observer.observe(node)
    return () => observer.disconnect()
  }

  toEnd(): void {
    this.#following = true
    const { turns } = this.conversation
    if (turns.length - this.start > mostAtEnd) this.#first = turns[turns.length - firstWindow]?.key ?? null
    this.#jump()
  }

  /** The tree changed above the end: what is on screen stays where it is. */
  stay(): void {
    this.#following = false
  }

  /** Draws the turn, loading what lies between, and brings it into view. */
  async reveal(turn: Turn): Promise<Element | null> {
    this.#following = false
    const at = this.conversation.turns.indexOf(turn)
    if (at < this.start) this.#first = this.conversation.turns[Math.max(0, at - 6)]?.key ?? null
    await tick()
    const element = this.#scroller?.querySelector(`[data-key="${turn.key}"]`) ?? null
    element?.scrollIntoView({ block: 'center' })
    return element
  }

  async widen(): Promise<void> {
    const scroller = this.#scroller
    if (!scroller || this.#widening) return
    this.#widening = true
    try {
      const first = this.conversation.turns[this.start]?.key ?? null
      this.#first = first
      if (this.start === 0) await this.conversation.transcript.loadOlder()
      const fromEnd = scroller.scrollHeight - scroller.scrollTop
      this.#first = this.conversation.turns[Math.max(0, this.start - step)]?.key ?? null
      await tick()
      if (this.#following) this.#jump()
      else scroller.scrollTop = scroller.scrollHeight - fromEnd
      this.#lastTop = scroller.scrollTop
    } finally {
      this.#widening = false
    }
  }

  #scrolled = () => {
    const scroller = this.#scroller
    if (!scroller) return
    const distance = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop
    // Only a scroll upwards is the reader's wish; growth below it is not.
    if (distance < 32) this.#following = true
    else if (scroller.scrollTop < this.#lastTop - 1) this.#following = false
    this.#lastTop = scroller.scrollTop
  }

  #jump(): void {
    if (this.#scroller) this.#scroller.scrollTop = this.#scroller.scrollHeight
  }

  #remember(): void {
    const scroller = this.#scroller
    this.conversation.place = null
    if (this.#following || !scroller) return
    for (const turn of scroller.querySelectorAll<HTMLElement>('[data-key]')) {
      if (turn.offsetTop + turn.offsetHeight <= scroller.scrollTop) continue
      this.conversation.place = { key: Number(turn.dataset['key']), offset: turn.offsetTop - scroller.scrollTop }
      return
    }
  }
}
