export type Role = 'ADMIN' | 'USER'
type UserStatus = 'PENDING' | 'ACTIVE' | 'DISABLED'

export interface User {
  id: number
  username: string
  role: Role
  status: UserStatus
  avatarUrl: string | null
  createdAt: string
  rejectionReason?: string | null
  /** Logged in with a one-time code: the person has to choose a password first. */
  passwordChangeRequired?: boolean | null
}

export interface Quota {
  limit: number | null
  used: number
  remaining: number | null
  resetsAt: string
}

export interface Me {
  user: User | null
  guest: boolean
  quota: Quota | null
  permissions?: string[]
}

export interface Branding {
  brandText: string
  /** An administrator's notice on the login page. */
  loginNotice?: string
  /** An administrator's text above a new chat. */
  welcomeText?: string
  /** An administrator's messages to begin with; none means those of the page. */
  suggestions?: readonly string[]
  /** Whether models may reason, and whether they may search the web. */
  reasoningEnabled?: boolean
  webSearchEnabled?: boolean
  /** Whether reasoning is unfolded until the reader closes it. */
  reasoningOpen?: boolean
  logoUrl?: string | null
  assistantAvatarUrl?: string | null
  /** Hue of the accent in degrees; absent means the default of the page. */
  accentHue?: number | null
  registrationOpen: boolean
  setupRequired: boolean
  setupCodeRequired: boolean
  guestsAllowed: boolean
  defaultLocale?: string | null
}

export interface Login {
  id: number
  createdAt: string
  lastUsedAt: string
  ip?: string | null
  userAgent?: string | null
  current: boolean
}

export interface Page<T> {
  items: T[]
  nextCursor: string | null
}

export interface Session {
  id: number
  title: string
  connectionId: number | null
  model: string | null
  modelName?: string | null
  systemPrompt?: string | null
  parameters?: Parameters | null
  pinned?: boolean
  archived?: boolean
  /** A temporary chat is not listed and is deleted after some hours. */
  temporary?: boolean
  createdAt: string
  updatedAt: string
  messageCount?: number
  activeRunMessageId?: number | null
}

/** A chat that a search found, with the hits in its text; without hits only the title matches. */
export interface FoundSession extends Session {
  matches?: { messageId: number; snippet: string }[] | null
}

/** Sampling parameters; an absent one is left to the provider. */
export interface Parameters {
  temperature?: number
  topP?: number
  maxOutputTokens?: number
}

export interface ChatSetup {
  systemPrompt?: string | null
  parameters?: Parameters | null
}

export type MessageStatus = 'streaming' | 'done' | 'stopped' | 'interrupted' | 'failed'
type ToolStatus = 'running' | 'succeeded' | 'failed'

export interface ToolCall {
  id: string
  name: string
  status: ToolStatus
  arguments?: string | null
  result?: string | null
  error?: string | null
}

export interface Usage {
  promptTokens: number
  completionTokens: number
  reasoningTokens?: number
  cachedTokens?: number
  totalTokens: number
  cost?: number | null
  /** What the provider's prompt cache saved of the cost; negative when filling it cost more. */
  saved?: number | null
  source: 'provider' | 'estimate'
}

export interface MessageImage {
  id: string
  url: string
  width: number
  height: number
  mime: string
}

interface MessageError {
  code: string
  detail?: string | null
}

export interface Message {
  id: number
  sessionId: number
  parentId: number | null
  role: 'user' | 'assistant'
  content: string
  reasoning?: string | null
  reasoningMs?: number | null
  images?: MessageImage[] | null
  toolCalls?: ToolCall[] | null
  connectionId?: number | null
  model?: string | null
  provider?: string | null
  status: MessageStatus
  error?: MessageError | null
  finishReason?: string | null
  usage?: Usage | null
  firstTokenMs?: number | null
  totalMs?: number | null
  siblings?: number[] | null
  /** What is sent in place of this message and all before it; empty is nothing. */
  summary?: string | null
  createdAt: string
  /** While it is written: why the provider is asked again. */
  retry?: Retry | null
  /** Position of this snapshot in the live run, for attaching with `?after=`. Present only while streaming. */
  eventId?: number | null
  clientMessageId?: string | null
}

/** The provider is asked again, before the first token. */
export interface Retry {
  code: string
  detail?: string | null
  waitMs?: number | null
  connectionId?: number | null
  model?: string | null
  connectionName?: string | null
}

export interface ProblemBody {
  type?: string
  title?: string
  status?: number
  detail?: string | null
  code?: string
  traceId?: string
  errors?: Record<string, string[]>
}

/** All events of a running answer. `eventId` is the position after which a reader resumes. */
export type ChatEvent =
  | {
      type: 'start'
      sessionId: number
      userMessage: Message | null
      assistantMessage: Message
      model?: string | null
      contextLimit?: number | null
      promptTokens?: number | null
      trimmedMessages?: number | null
    }
  | { type: 'delta'; text: string }
  | { type: 'reasoning'; text?: string; done?: boolean; ms?: number; contentLength?: number }
  | ({ type: 'tool' } & ToolCall)
  | ({ type: 'usage' } & Usage)
  | ({ type: 'quota' } & Quota)
  | ({ type: 'retry' } & Retry)
  | { type: 'title'; sessionId: number; title: string }
  | ({ type: 'error' } & { code: string; detail?: string | null })
  | {
      type: 'done'
      messageId: number
      status: MessageStatus
      finishReason?: string | null
      usage?: Usage | null
      firstTokenMs?: number | null
      totalMs?: number | null
      connectionId?: number | null
      model?: string | null
      provider?: string | null
      trimmedMessages?: number | null
      removedVersions?: number[] | null
      images?: MessageImage[] | null
    }

export type Effort = 'minimal' | 'low' | 'medium' | 'high'

/** Options of an answer; an absent one follows the server's settings. */
export interface AnswerOptions {
  reasoning?: { enabled?: boolean; effort?: Effort }
  webSearch?: boolean
  contextEnabled?: boolean
  trace?: boolean
}

export interface SendRequest extends AnswerOptions {
  sessionId: number
  content: string
  clientMessageId: string
  imageIds?: string[]
  /** Absent: after the newest message. Null: as a new first message of the chat. */
  parentId?: number | null
}

export interface AgainRequest extends AnswerOptions {
  messageId: number
  clientMessageId: string
  connectionId?: number
  model?: string
}

export interface RunningAnswer {
  sessionId: number
  messageId: number
  startedAt: string
}

export interface CatalogModel {
  id: string
  connectionId: number
  model: string
  name: string
  provider: Provider
  connectionName: string
  capabilities?: Partial<Record<Capability, boolean>> | null
  contextLimit?: number | null
  maxOutputTokens?: number | null
  tags?: string[] | null
  isDefault?: boolean
  price?: ModelPrice | null
}

/** Price of a million tokens. */
export interface ModelPrice {
  input: number
  output: number
  cachedInput?: number | null
  cacheWrite?: number | null
}

export type Capability = 'vision' | 'tools' | 'webSearch' | 'reasoning' | 'imageGeneration'

export type Provider = 'openai' | 'azure_openai' | 'anthropic' | 'google_genai' | 'ollama' | 'demo'
export type AuthType = 'bearer' | 'api_key' | 'none' | 'entra'

export interface FoundMessage {
  messageId: number
  snippet: string
}
