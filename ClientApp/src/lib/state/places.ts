import { storage } from '../browser/storage'

/** A position in a chat: the message or a block of it, and how many pixels the top of the view is above its top. */
export interface Place {
  messageId: number
  offset: number
  block?: number
}

type Entry = [sessionId: number, messageId: number, offset: number, block?: number]

const maxPlaces = 60
const prefix = 'aichat.places.'

/** The reader's position in each chat, kept over reloads. Only numbers are stored, and only for the last chats. */
export class Places {
  #owner = 'guest'

  /** `mayKeep` is false after signing out, so that unmounting the chat stores nothing. */
  constructor(private readonly mayKeep: () => boolean = () => true) {}

  belongTo(userId: number | null): void {
    this.#owner = userId === null ? 'guest' : String(userId)
  }

  get(sessionId: number): Place | null {
    const found = this.#read().find(([id]) => id === sessionId)
    if (!found) return null
    const [, messageId, offset, block] = found
    return { messageId, offset, ...(block === undefined ? {} : { block }) }
  }

  /** Stores the position; null means the end, where every chat opens. */
  set(sessionId: number, place: Place | null): void {
    const before = this.#read()
    const places: Entry[] = before.filter(([id]) => id !== sessionId)
    if (place) {
      const { messageId, offset, block } = place
      const numbers = [sessionId, messageId, Math.round(offset)] as const
      places.push(block === undefined ? [...numbers] : [...numbers, block])
    }
    if (!place && places.length === before.length) return
    if (this.mayKeep()) storage.write(prefix + this.#owner, places.length > 0 ? JSON.stringify(places.slice(-maxPlaces)) : null)
  }

  #read(): Entry[] {
    try {
      const value: unknown = JSON.parse(storage.read(prefix + this.#owner) ?? '[]')
      return Array.isArray(value) ? value.filter(isEntry) : []
    } catch {
      return []
    }
  }
}

function isEntry(value: unknown): value is Entry {
  if (!Array.isArray(value) || value.length < 3 || value.length > 4) return false
  return value.every((one) => typeof one === 'number' && Number.isFinite(one))
}
