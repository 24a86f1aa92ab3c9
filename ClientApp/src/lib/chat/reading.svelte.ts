import { tick } from 'svelte'
import { nextTask } from '../browser/tasks'
import type { Conversation } from '../state/conversation.svelte'
import type { Place } from '../state/places'
import type { Turn } from '../state/turn.svelte'

/** How many turns are rendered at least when a chat opens, and how many are added when the reader nears the upper end. */
const firstWindow = 4
const step = 6
/** At the end of a chat at most this many turns stay rendered. */
const mostAtEnd = 80
const saveMs = 300
const settleFrames = 4

/**
 * The reader's position in a chat: at the end and following it, or somewhere above. Only turns near it are rendered, so that a chat of
 * thousands opens and streams like a short one.
 */
export class Reading {
  #following = $state(true)
  #below = $state(false)
  /** Key of the first rendered turn; keys stay the same when the list around them changes. */
  #first = $state<number | null>(null)
  /** How many turns at the end are rendered when there is no first key. */
  #last = $state(1)
  #opening = $state(true)
  #scroller: HTMLElement | null = null
  #lastTop = 0
  #widening = false
  #saving: ReturnType<typeof setTimeout> | undefined
  /** The position to restore, until it is reached. */
  #wanted = $state.raw<Place | null>(null)

  constructor(private readonly conversation: Conversation) {
    this.#wanted = conversation.place
    if (this.#wanted) this.#following = false
    const turn = this.#wanted && conversation.transcript.find(this.#wanted.messageId)
    if (turn) this.#drawFrom(turn)
  }

  /** False until the position is restored or the end is laid out; showing the list earlier would make it jump. */
  get hidden() {
    return this.#wanted !== null || this.#opening
  }

  get following() {
    return this.#following
  }

  /** Something stands below the view, and the reader does not follow the end. */
  get below() {
    return this.#below && !this.#following
  }

  readonly start = $derived.by(() => {
    const { turns } = this.conversation
    const at = this.#first === null ? -1 : turns.findIndex((turn) => turn.key === this.#first)
    return at >= 0 ? at : Math.max(0, turns.length - this.#last)
  })
  readonly shown = $derived.by(() => this.conversation.turns.slice(this.start))
  readonly hasMore = $derived.by(() => !this.#opening && (this.start > 0 || this.conversation.transcript.hasOlder))

  /** Attachment for the scrolling element. */
  attach = (node: HTMLElement) => {
    this.#scroller = node
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

  /** Attachment for the column inside: keeps the end in view while the column grows. */
  keepEnd = (node: HTMLElement) => {
    const observer = new ResizeObserver(() => {
      if (this.#following) this.#jump()
      this.#look()
    })
    observer.observe(node)
    return () => observer.disconnect()
  }

  /** Attachment for the marker above the first turn: when it comes near the view, more turns are rendered or fetched. */
  nearTop = (node: HTMLElement) => {
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) void this.widen()
    }, { root: this.#scroller, rootMargin: '800px 0px 0px' })
    observer.observe(node)
    return () => observer.disconnect()
  }

  toEnd(): void {
    this.#wanted = null
    this.#following = true
    const { turns } = this.conversation
    if (turns.length - this.start > mostAtEnd) this.#first = turns[turns.length - this.#last]?.key ?? null
    this.#jump()
  }

  /** Keeps the visible content in place when the tree changed above the end. */
  stay(): void {
    this.#following = false
  }

  /** Renders the whole chat, for printing; the returned function puts the view back. */
  async whole(): Promise<() => void> {
    const { transcript } = this.conversation
    const first = this.#first
    const top = this.#scroller?.scrollTop ?? 0
    while (transcript.hasOlder && !transcript.olderFailed) await transcript.loadOlder()
    this.#opening = false
    this.#first = this.conversation.turns[0]?.key ?? null
    await tick()
    return () => {
      this.#first = first
      void tick().then(() => { if (this.#scroller) this.#scroller.scrollTop = top })
    }
  }

  /** Renders the turn, loads the turns between, and scrolls it into view. */
  async reveal(turn: Turn): Promise<Element | null> {
    this.#wanted = null
    this.#following = false
    const at = this.conversation.turns.indexOf(turn)
    if (at < this.start) this.#first = this.conversation.turns[Math.max(0, at - 6)]?.key ?? null
    await tick()
    const element = this.#scroller?.querySelector(`[data-key="${turn.key}"]`) ?? null
    element?.scrollIntoView({ block: 'center' })
    return element
  }

  /** Fills the window turn by turn once there are messages: rendering all in one task would block a phone for too long. */
  async open(): Promise<void> {
    while (this.#opening) {
      await nextTask()
      const left = this.conversation.turns.length - this.#last
      this.#opening = this.#first === null && left > 0 && (this.#last < firstWindow || !this.#full())
      this.#last = this.#opening ? this.#last + 1 : Math.max(this.#last, firstWindow)
    }
  }

  /** Restores the reader's position once the messages have loaded; goes to the end when it no longer exists. */
  async goBack(): Promise<void> {
    const place = this.#wanted
    if (!place) return
    const found = await this.conversation.transcript.loadUntil(place.messageId)
    // A later request of the reader takes precedence.
    if (this.#wanted !== place) return
    const turn = found ? this.conversation.transcript.find(place.messageId) : undefined
    if (turn) {
      this.#drawFrom(turn)
      await tick()
      await this.#settle(turn, place)
    } else this.toEnd()
    if (this.#wanted === place) this.#wanted = null
  }

  async widen(): Promise<void> {
    const scroller = this.#scroller
    if (!scroller || this.#widening || this.#wanted) return
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
    if (!scroller || this.#wanted) return
    const distance = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop
    // Only scrolling up is intended by the reader; growth below the position is not.
    if (distance < 32) this.#following = true
    else if (scroller.scrollTop < this.#lastTop - 1) this.#following = false
    this.#lastTop = scroller.scrollTop
    this.#look()
    clearTimeout(this.#saving)
    this.#saving = setTimeout(() => this.#remember(), saveMs)
  }

  #drawFrom(turn: Turn): void {
    const { turns } = this.conversation
    this.#first = turns[Math.max(0, turns.indexOf(turn) - 2 * step)]?.key ?? null
  }

  /** Heights are estimates until rendered, so the turn is scrolled to repeatedly until it stays in place. */
  async #settle(turn: Turn, place: Place): Promise<void> {
    const element = this.#scroller?.querySelector<HTMLElement>(`[data-key="${turn.key}"]`)
    if (!element) return
    element.style.contentVisibility = 'visible'
    for (let frame = 0; frame < settleFrames && this.#scroller && this.#wanted === place; frame++) {
      this.#scroller.scrollTop = element.offsetTop - place.offset
      this.#lastTop = this.#scroller.scrollTop
      await new Promise((drawn) => requestAnimationFrame(drawn))
    }
    element.style.contentVisibility = ''
  }

  #look(): void {
    const scroller = this.#scroller
    this.#below = scroller !== null && scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop > 64
  }

  #full(): boolean {
    return !this.#scroller || this.#scroller.scrollHeight > this.#scroller.clientHeight
  }

  #jump(): void {
    if (this.#scroller) this.#scroller.scrollTop = this.#scroller.scrollHeight
  }

  #remember(): void {
    clearTimeout(this.#saving)
    const scroller = this.#scroller
    // A list that was not shown yet has no position to store.
    if (!scroller || this.#wanted || this.conversation.transcript.state !== 'ready') return
    this.conversation.place = this.#following ? null : this.#topmost(scroller)
  }

  /** The first stored message that starts in view, else the one that fills the view. */
  #topmost(scroller: HTMLElement): Place | null {
    const { scrollTop, clientHeight } = scroller
    const seen = [...scroller.querySelectorAll<HTMLElement>('[data-key]')].filter(
      (one) => one.offsetTop + one.offsetHeight > scrollTop && one.offsetTop < scrollTop + clientHeight,
    )
    for (const element of [...seen.filter((one) => one.offsetTop >= scrollTop), ...seen]) {
      const turn = this.conversation.turns.find((one) => String(one.key) === element.dataset['key'])
      if (turn && turn.message.id > 0) return { messageId: turn.message.id, offset: element.offsetTop - scrollTop }
    }
    return null
  }
}
