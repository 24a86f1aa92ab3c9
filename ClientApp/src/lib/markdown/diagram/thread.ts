const tickMs = 5
const enoughLooks = 3

/**
 * Tells whether a frame has a thread of its own, which is not known otherwise: it has one when the page went on while the frame was busy.
 * Chromium on computers gives it one; in Firefox and WebKit all of the page stands still while a diagram is drawn. A page that stood still
 * may also have been busy itself, or the machine was, so it is looked at more than once.
 */
export class Thread {
  #ticks: number[] = []
  #timer: ReturnType<typeof setInterval> | undefined
  #apart: boolean | undefined
  #looks = 0

  /** Undefined until it is known. */
  get apart(): boolean | undefined {
    return this.doubtful ? undefined : this.#apart
  }

  /** Whether the frame has to be busy once more before that is believed. */
  get doubtful(): boolean {
    return this.#apart === false && this.#looks < enoughLooks
  }

  /** @param running Called when the page runs again. */
  watch(running?: () => void): void {
    if (this.#timer !== undefined || this.#apart) return
    this.#ticks = []
    this.#timer = setInterval(() => {
      if (this.#ticks.push(Date.now()) === 3) running?.()
    }, tickMs)
  }

  /** The frame was busy from one time to another, without a pause. */
  judge(from: number, to: number): void {
    this.#looks++
    this.#apart ||= this.#ticks.some((at) => at > from && at < to)
    this.rest()
  }

  rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
