const tickMs = 5

/**
 * Tells whether a frame has a thread of its own, which is not known otherwise: it has one when the page went on while the frame was busy.
 * Chromium on computers gives it one; in Firefox and WebKit all of the page stands still while a diagram is drawn.
 */
export class Thread {
  #ticks: number[] = []
  #timer: ReturnType<typeof setInterval> | undefined
  #apart: boolean | undefined

  /** Undefined until a frame was busy. */
  get apart(): boolean | undefined {
    return this.#apart
  }

  watch(): void {
    if (this.#timer !== undefined || this.#apart) return
    this.#ticks = []
    this.#timer = setInterval(() => this.#ticks.push(Date.now()), tickMs)
  }

  /** The frame was busy from one time to another, without a pause. */
  judge(from: number, to: number): void {
    this.#apart ||= this.#ticks.some((at) => at > from && at < to)
    this.rest()
  }

  rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
