import { storage } from './storage'

/** A message on its way: kept until the server says it is durable. */
export interface Outgoing {
  clientMessageId: string
  content: string
}

type Slot = number | 'new'

/**
 * What a person typed and has not been stored by the server yet, per account and chat.
 * Written at every change, so neither a crash nor a reload loses a word.
 */
export class Drafts {
  #owner = 'guest'

  belongTo(userId: number | null): void {
    this.#owner = userId === null ? 'guest' : String(userId)
  }

  read(slot: Slot): string {
    return storage.read(this.#key('draft', slot)) ?? ''
  }

  write(slot: Slot, text: string): void {
    storage.write(this.#key('draft', slot), text === '' ? null : text)
  }

  outgoing(slot: number): Outgoing | null {
    try {
      const value: unknown = JSON.parse(storage.read(this.#key('outgoing', slot)) ?? 'null')
      return isOutgoing(value) ? value : null
    } catch {
      return null
    }
  }

  setOutgoing(slot: number, outgoing: Outgoing | null): void {
    storage.write(this.#key('outgoing', slot), outgoing ? JSON.stringify(outgoing) : null)
  }

  forget(slot: number): void {
    this.write(slot, '')
    this.setOutgoing(slot, null)
  }

  #key(kind: string, slot: Slot): string {
    return `aichat.${kind}.${this.#owner}.${slot}`
  }
}

function isOutgoing(value: unknown): value is Outgoing {
  return typeof value === 'object' && value !== null
    && 'clientMessageId' in value && typeof value.clientMessageId === 'string'
    && 'content' in value && typeof value.content === 'string'
}
