import { users } from '../api/admin'

/** How many people wait for approval, for the badge beside "Users". */
export class Waiting {
  #count = $state(0)

  get count() {
    return this.#count
  }

  async load(): Promise<void> {
    try {
      this.#count = (await users({ status: 'PENDING' })).items.length
    } catch {
      // A badge is not worth an error message; the page behind it shows its own.
    }
  }
}
