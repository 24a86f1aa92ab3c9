import { users } from '../api/admin'

/** The number of accounts that wait for approval, for the badge beside "Users". */
export class Waiting {
  #count = $state(0)

  get count() {
    return this.#count
  }

  async load(): Promise<void> {
    try {
      this.#count = (await users({ status: 'PENDING' })).items.length
    } catch {
      // A missing badge needs no error message; the page of users shows its own.
    }
  }
}
