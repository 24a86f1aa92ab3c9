import type { Busy, BusyRequest, DrawRequest, Drawn, NotDrawn, Palette } from '../../../sandbox/protocol'
import { costOf } from './cost'
import { Thread } from './thread'

export type Answer =
  | { svg: string }
  | { failed: 'slow' | 'unreachable' | 'broken'; detail: string }
  /** It would stop the page for so long that it is drawn only when asked for. */
  | { failed: 'dear'; detail: string; ms: number }

/** The frame as its caller sees it: a window that can be discarded. The unit tests supply their own. */
export interface Host {
  /**
   * Starts a frame whose messages go to `hear`; `loaded` is called after its script has run. Returns functions to send to it and to remove
   * it.
   */
  start(hear: (message: unknown) => void, loaded: () => void): { say(message: BusyRequest | DrawRequest): void; remove(): void }
}

interface Job {
  source: string
  palette: Palette
  /** Somebody wants it, however long it takes. */
  asked: boolean
  done: (answer: Answer) => void
}

/** Bound for one drawing; a diagram that takes longer is shown as source. */
export const drawMs = 3_000
/** Bound for loading the frame itself over a slow network. */
export const loadMs = 30_000
/** A frame that has loaded and is not ready after this time had its script refused or did not get it. */
export const readyMs = 3_000
/** The same where the page stands still meanwhile: the time is gone before it could be measured, so the late drawing is taken. */
const sharedMs = 300_000
/** How long a frame is busy when the page looks once more whether it stands still meanwhile. */
const lookMs = 80
/** What may stop the page without a question, in milliseconds. */
const unaskedMs = 150
// An idle frame keeps tens of megabytes, so it is removed.
const idleMs = 60_000

/**
 * One hidden frame that draws all diagrams of the page, one after the other. A frame that does not answer in time is removed, and the
 * next diagram gets a new one. Where the frame has no thread of its own, only what is small is drawn without being asked for.
 */
export class Renderer {
  readonly #host: Host
  readonly #thread: Pick<Thread, 'apart' | 'doubtful' | 'watch' | 'judge' | 'rest'>
  readonly #waiting: Job[] = []
  #frame: ReturnType<Host['start']> | null = null
  #ready = false
  #job: Job | null = null
  #number = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #begun = 0
  /** How long drawings take here, as a share of their estimate. */
  #pace = 1
  /** The first drawing of a frame takes longer: it loads fonts and compiles. */
  #warm = false

  constructor(host: Host, thread: Pick<Thread, 'apart' | 'doubtful' | 'watch' | 'judge' | 'rest'> = new Thread()) {
    this.#host = host
    this.#thread = thread
  }

  draw(source: string, palette: Palette, asked = false): Promise<Answer> {
    return new Promise((done) => {
      const job = { source, palette, asked, done }
      if (asked) this.#waiting.unshift(job)
      else this.#waiting.push(job)
      this.#next()
    })
  }

  #next(): void {
    if (this.#job) return
    const job = this.#waiting.shift()
    if (!job) return this.#limit(idleMs, () => this.#drop())
    this.#job = job
    if (this.#thread.apart !== undefined && this.#isDear(job)) return
    if (this.#frame && this.#ready) return this.#ask(job)
    if (!this.#frame) {
      this.#thread.watch()
      const frame = this.#host.start((message) => this.#hear(message), () => {
        if (frame === this.#frame && !this.#ready) this.#limit(readyMs, () => this.#unreachable())
      })
      this.#frame = frame
    }
    this.#limit(loadMs, () => this.#unreachable())
  }

  /** Answers what would stop the page for too long. */
  #isDear({ source, asked }: Job): boolean {
    const ms = costOf(source) * this.#pace
    if (this.#thread.apart || asked || ms <= unaskedMs) return false
    this.#finish({ failed: 'dear', detail: '', ms })
    return true
  }

  #ask({ source, palette }: Job): void {
    this.#limit(this.#thread.apart === false ? sharedMs : drawMs, () => this.#giveUp('slow'))
    this.#begun = performance.now()
    this.#frame?.say({ draw: ++this.#number, source, palette })
  }

  #hear(message: unknown): void {
    if (!this.#ready) {
      if (isBusy(message)) this.#thread.judge(...message.busy)
      // A message before the first question is not an answer.
      if (message !== 'ready') return
      if (this.#thread.doubtful) return this.#lookAgain()
      this.#ready = true
      this.#thread.rest()
      if (this.#job && !this.#isDear(this.#job)) this.#ask(this.#job)
      return
    }
    if (typeof message !== 'object' || message === null || !this.#job) return
    const { drawn, svg } = message as Partial<Drawn>
    const { failed, detail } = message as Partial<NotDrawn>
    // The frame may still answer a question that was abandoned.
    if (drawn === this.#number && typeof svg === 'string') {
      if (this.#warm) this.#learn(this.#job.source, performance.now() - this.#begun)
      this.#warm = true
      this.#finish({ svg })
    } else if (failed === this.#number) this.#finish({ failed: 'broken', detail: String(detail) })
  }

  #lookAgain(): void {
    this.#limit(readyMs, () => this.#unreachable())
    this.#thread.watch(() => this.#frame?.say({ beBusy: lookMs }))
  }

  #learn(source: string, took: number): void {
    const share = took / costOf(source)
    if (share > 0) this.#pace = Math.min(8, Math.max(0.2, (this.#pace + share) / 2))
  }

  #giveUp(failed: 'slow' | 'unreachable'): void {
    this.#drop()
    this.#finish({ failed, detail: '' })
  }

  /** The others would wait as long, and in vain. */
  #unreachable(): void {
    const others = this.#waiting.splice(0)
    this.#giveUp('unreachable')
    for (const { done } of others) done({ failed: 'unreachable', detail: '' })
  }

  #finish(answer: Answer): void {
    const job = this.#job
    this.#job = null
    job?.done(answer)
    this.#next()
  }

  #drop(): void {
    this.#frame?.remove()
    this.#frame = null
    this.#ready = false
    this.#warm = false
    this.#thread.rest()
  }

  #limit(ms: number, then: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(then, ms)
  }
}

const isBusy = (message: unknown): message is Busy => {
  const { busy } = Object(message) as Partial<Busy>
  return Array.isArray(busy) && busy.length === 2 && busy.every(Number.isFinite)
}

export const sandboxed: Host = {
  start(hear, loaded) {
    const frame = document.createElement('iframe')
    frame.setAttribute('sandbox', 'allow-scripts')
    frame.className = 'hidden-frame'
    frame.title = 'Diagram'
    frame.ariaHidden = 'true'
    frame.inert = true
    frame.src = new URL('sandbox/diagram.html', document.baseURI).href
    frame.onload = loaded
    const listen = (event: MessageEvent<unknown>) => {
      if (event.source === frame.contentWindow) hear(event.data)
    }
    addEventListener('message', listen)
    document.body.append(frame)
    return {
      // The frame has an opaque origin, which cannot be named as the target.
      say: (message) => frame.contentWindow?.postMessage(message, '*'),
      remove: () => {
        removeEventListener('message', listen)
        frame.remove()
      },
    }
  },
}
