import { storage } from '../browser/storage'

const starredKey = 'aichat.models.starred'
const recentKey = 'aichat.models.recent'
const maxRecent = 3

function readIds(key: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(storage.read(key) ?? '[]')
    return Array.isArray(value) ? value.filter((id) => typeof id === 'string') : []
  } catch {
    return []
  }
}

/** Starred and recently used models by id, stored in this browser. */
export class Favourites {
  #starred = $state.raw(readIds(starredKey))
  #recent = $state.raw(readIds(recentKey))

  get starred() {
    return this.#starred
  }
  get recent() {
    return this.#recent
  }

  has(id: string): boolean {
    return this.#starred.includes(id)
  }

  toggle(id: string): void {
    this.#starred = this.has(id) ? this.#starred.filter((one) => one !== id) : [...this.#starred, id]
    storage.write(starredKey, JSON.stringify(this.#starred))
  }

  use(id: string): void {
    this.#recent = [id, ...this.#recent.filter((one) => one !== id)].slice(0, maxRecent)
    storage.write(recentKey, JSON.stringify(this.#recent))
  }
}
