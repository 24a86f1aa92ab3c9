import { Problem } from '../api/http'

/** The sending of a form: whether it is under way, and why the server refused it. */
export class Submission {
  #busy = $state(false)
  #problem = $state.raw<Problem | null>(null)

  get busy(): boolean {
    return this.#busy
  }
  get problem(): Problem | null {
    return this.#problem
  }
  /** A refusal that names no field, so that the form says it as a whole. */
  get general(): Problem | null {
    return this.#problem && Object.keys(this.#problem.errors).length === 0 ? this.#problem : null
  }

  /** What the server said about this field. */
  error(field: string): string | null {
    return this.#problem?.errors[field]?.[0] ?? null
  }

  /** Forgets the refusal of the last attempt. */
  clear(): void {
    this.#problem = null
  }

  /** Sends; false when the server refused. Throws whatever is not a `Problem`. */
  async run(action: () => Promise<unknown>): Promise<boolean> {
    this.#busy = true
    this.#problem = null
    try {
      await action()
      return true
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      this.#problem = error
      return false
    } finally {
      this.#busy = false
    }
  }
}
