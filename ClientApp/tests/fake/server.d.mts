import type { Message, Session, ToolCall, User } from '../../src/lib/api/types'

export interface Fake {
  url: string
  state: {
    users: User[]
    current: User | null
    sessions: Map<number, Session>
    messages: Map<number, Message[]>
    leaves: Map<number, number | null>
    images: Map<string, { mime: string; bytes: Buffer }>
    /** Served in place of files of the page, by path. */
    files: Map<string, string>
    /** Bodies of what was asked of the model. */
    asked: Record<string, unknown>[]
    /** Said instead of the usual answer. */
    say: string | null
    tools: ToolCall[] | null
    /** The next connection is cut after this many frames. */
    cutAfter: number
    connections: Record<string, unknown>[]
    /** Keys of connections, by id. */
    secrets: Map<number, string>
    settings: Record<string, unknown>
    /** What the server has noticed. */
    notices?: unknown[]
    overrides: Map<string, Record<string, unknown>>
    keys: unknown[]
    traces: { id: number; status: string; startedAt: string }[]
    /** Listing them fails. */
    tracesDown?: boolean
    personal?: Record<string, unknown>
    avatar?: Uint8Array
    /** The assistant's picture. */
    face: Uint8Array | null
    logo: Uint8Array | null
    /** In place of the usual one. */
    quota?: { limit: number | null; used: number; remaining: number | null; resetsAt: string }
    /** How the next answers fail half-way: the data of the event, as it stands on the wire. */
    fail?: string | null
    drafts: Map<string, string>
    runs: Map<number, unknown>
    /** Answers stop half-way until this is false again. */
    hold: boolean
    /** At the end of the worker's script: another build has another worker. */
    worker: string
  }
  close(): void
}

export function startFake(options?: { port?: number; tokenMs?: number; users?: User[]; chats?: number }): Promise<Fake>
