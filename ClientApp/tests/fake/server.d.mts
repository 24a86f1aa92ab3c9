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
    /** The bodies of all requests for an answer. */
    asked: Record<string, unknown>[]
    /** Replaces the usual answer. */
    say: string | null
    tools: ToolCall[] | null
    /** The next connection is cut after this many frames. */
    cutAfter: number
    connections: Record<string, unknown>[]
    prompts: Record<string, unknown>[]
    /** Keys of connections, by id. */
    secrets: Map<number, string>
    settings: Record<string, unknown>
    variables?: object[]
    /** What the server has noticed. */
    notices?: unknown[]
    overrides: Map<string, Record<string, unknown>>
    keys: unknown[]
    imports: { id: number; name: string; state: string }[]
    traces: { id: number; status: string; startedAt: string }[]
    /** Listing them fails. */
    tracesDown?: boolean
    personal?: Record<string, unknown>
    avatar?: Uint8Array
    /** The assistant's picture. */
    face: Uint8Array | null
    logo: Uint8Array | null
    /** Replaces the usual one. */
    quota?: { limit: number | null; used: number; remaining: number | null; resetsAt: string }
    /** The data of the error event with which the next answers fail half-way. */
    fail?: string | null
    drafts: Map<string, string>
    runs: Map<number, unknown>
    /** What of each chat the next prompt holds; without it the page is not told. */
    context?: Record<string, unknown>
    /** The provider is asked again at the start of each answer. */
    retry?: Record<string, unknown>
    /** Answers stop half-way until this is false again. */
    hold: boolean
    /** The network is away: requests of the API are dropped. */
    away: boolean
    /** So many of the next requests of the API are too many; `seconds` is how long they are to wait. */
    tooMany: { left: number; seconds: number }
    /** Appended to the worker's script, to simulate another build. */
    worker: string
  }
  close(): void
}

export function startFake(options?: { port?: number; tokenMs?: number; users?: User[]; chats?: number }): Promise<Fake>
