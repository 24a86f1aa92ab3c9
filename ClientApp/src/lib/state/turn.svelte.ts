import type { Problem } from '../api/http'
import type { Message } from '../api/types'

let nextKey = 1

/** One message on screen. Its key stays the same when the local message becomes a stored one, so the DOM is kept. */
export class Turn {
  readonly key = nextKey++
  #message: Message
  #problem = $state.raw<Problem | null>(null)

  constructor(message: Message) {
    this.#message = $state.raw(message)
  }

  get message() {
    return this.#message
  }
  set message(message: Message) {
    this.#message = message
  }

  /** Why this message was not accepted by the server; null once it is stored. */
  get problem() {
    return this.#problem
  }
  set problem(problem: Problem | null) {
    this.#problem = problem
  }
}

/** A message that the server has not stored yet. Its id is negative, so it cannot equal a stored one. */
export function localMessage(sessionId: number, role: Message['role'], fields: Partial<Message> = {}): Message {
  return {
    id: -nextKey,
    sessionId,
    parentId: null,
    role,
    content: '',
    status: role === 'user' ? 'done' : 'streaming',
    createdAt: new Date().toISOString(),
    ...fields,
  }
}

export function newClientMessageId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
