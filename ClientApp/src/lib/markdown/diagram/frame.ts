import type { DrawRequest, Drawn, NotDrawn, Palette } from '../../../sandbox/protocol'

export type Answer = { svg: string } | { failed: 'slow' | 'unreachable' | 'broken'; detail: string }

/** The frame as its caller sees it: a window that can be discarded. The unit tests supply their own. */
export interface Host {
  /** Starts a frame whose messages go to `hear`. Returns functions to send to it and to remove it. */
  start(hear: (message: unknown) => void): { say(message: DrawRequest): void; remove(): void }
}

interface Job {
  source: string
  palette: Palette
  done: (answer: Answer) => void
}

/** Bound for one drawing; a diagram that takes longer is shown as source. */
export const drawMs = 3_000
/** Bound for loading the frame itself over a slow network. */
export const loadMs = 30_000
// An idle frame keeps tens of megabytes, so it is removed.
const idleMs = 60_000

/**
 * One hidden frame that draws all diagrams of the page, one after the other. A frame that does not answer in time is removed, and the
 * next diagram gets a new one.
 */
export class Renderer {
  readonly #host: Host
  readonly #waiting: Job[] = []
  #frame: ReturnType<Host['start']> | null = null
  #ready = false
  #job: Job | null = null
  #number = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(host: Host) {
    this.#host = host
  }

  draw(source: string, palette: Palette): Promise<Answer> {
    return new Promise((done) => {
      this.#waiting.push({ source, palette, done })
      this.#next()
    })
  }

  #next(): void {
    if (this.#job) return
    const job = this.#waiting.shift()
    if (!job) return this.#limit(idleMs, () => this.#drop())
    this.#job = job
    if (this.#frame && this.#ready) return this.#ask(job)
    this.#frame ??= this.#host.start((message) => this.#hear(message))
    this.#limit(loadMs, () => this.#giveUp('unreachable'))
  }

  #ask({ source, palette }: Job): void {
    this.#limit(drawMs, () => this.#giveUp('slow'))
    this.#frame?.say({ draw: ++this.#number, source, palette })
  }

  #hear(message: unknown): void {
    if (!this.#ready) {
      // A message before the first question is not an answer.
      if (message !== 'ready') return
      this.#ready = true
      if (this.#job) this.#ask(this.#job)
      return
    }
    if (typeof message !== 'object' || message === null || !this.#job) return
    const { drawn, svg } = message as Partial<Drawn>
    const { failed, detail } = message as Partial<NotDrawn>
    // The frame may still answer a question that was abandoned.
    if (drawn === this.#number && typeof svg === 'string') this.#finish({ svg })
    else if (failed === this.#number) this.#finish({ failed: 'broken', detail: String(detail) })
  }

  #giveUp(failed: 'slow' | 'unreachable'): void {
    this.#drop()
    this.#finish({ failed, detail: '' })
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
  }

  #limit(ms: number, then: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(then, ms)
  }
}

export const sandboxed: Host = {
  start(hear) {
    const frame = document.createElement('iframe')
    frame.setAttribute('sandbox', 'allow-scripts')
    frame.className = 'hidden-frame'
    frame.title = 'Diagram'
    frame.ariaHidden = 'true'
    frame.inert = true
    frame.src = new URL('sandbox/diagram.html', document.baseURI).href
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
