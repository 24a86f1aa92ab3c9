import type { Message, Session, User } from '../../src/lib/api/types'

export interface Fake {
  url: string
  state: {
    users: User[]
    current: User | null
    sessions: Map<number, Session>
    messages: Map<number, Message[]>
    /** The next connection is cut after this many frames. */
    cutAfter: number
  }
  close(): void
}

export function startFake(options?: { port?: number; tokenMs?: number; users?: User[]; chats?: number }): Promise<Fake>
