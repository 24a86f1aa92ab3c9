import { storage } from '../browser/storage'

/** Where a reader was in a chat: so many pixels above the message's upper edge is the upper edge of the screen. */
export interface Place {
  messageId: number
  offset: number
}

type Entry = [sessionId: number, messageId: number, offset: number]

const kept = 60
const prefix = 'aichat.places.'

/** Where an account's reader left off in each chat, over reloads. Only numbers are kept, and only of the chats read last. */
export class Places {
  #owner = 'guest'

  /** After signing out nothing is kept, also not what is left while the page takes the chat down. */
  constructor(private readonly mayKeep: () => boolean = () => true) {}

  belongTo(userId: number | null): void {
    this.#owner = userId === null ? 'guest' : String(userId)
  }

  get(sessionId: number): Place | null {
    const found = this.#read().find(([id]) => id === sessionId)
    return found ? { messageId: found[1], offset: found[2] } : null
  }

  /** Null: at the end, where every chat opens. */
  set(sessionId: number, place: Place | null): void {
    const before = this.#read()
    const places: Entry[] = before.filter(([id]) => id !== sessionId)
    if (place) places.push([sessionId, place.messageId, Math.round(place.offset)])
    else if (places.length === before.length) return
    if (this.mayKeep()) storage.write(prefix + this.#owner, places.length > 0 ? JSON.stringify(places.slice(-kept)) : null)
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
  return Array.isArray(value) && value.length === 3 && value.every((one) => typeof one === 'number' && Number.isFinite(one))
}
