import { Problem } from '../api/http'

/**
 * Data that a page loads from the server: the last answer, and whether the last attempt failed. `load` may be called again with another
 * question; an answer to an older question is dropped.
 */
export class Resource<T, Question = void> {
  #value = $state.raw<T | null>(null)
  #failed = $state(false)
  #problem = $state.raw<Problem | null>(null)
  #latest = 0

  constructor(private readonly ask: (question: Question) => Promise<T>) {}

  /** Null until the first answer. A failed attempt keeps the answer before it. */
  get value(): T | null {
    return this.#value
  }
  set value(value: T | null) {
    this.#value = value
  }
  get failed(): boolean {
    return this.#failed
  }
  /** Why it failed, when that is known. */
  get problem(): Problem | null {
    return this.#problem
  }

  async load(question: Question): Promise<void> {
    const mine = ++this.#latest
    this.#failed = false
    try {
      const value = await this.ask(question)
      if (mine === this.#latest) this.#value = value
    } catch (error) {
      if (mine !== this.#latest) return
      this.#failed = true
      this.#problem = error instanceof Problem ? error : null
    }
  }
}
