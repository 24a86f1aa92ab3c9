export type Role = 'ADMIN' | 'USER'
export type UserStatus = 'PENDING' | 'ACTIVE' | 'DISABLED'

export interface User {
  id: number
  username: string
  role: Role
  status: UserStatus
  avatarUrl: string | null
  createdAt: string
  rejectionReason?: string | null
  /** Logged in with a one-time code: a password has to be chosen first. */
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
  /** What an administrator tells whoever comes to log in. */
  loginNotice?: string
  /** What an administrator tells whoever begins a chat. */
  welcomeText?: string
  /** Whether reasoning is shown opened until a reader closes it. */
  reasoningOpen?: boolean
  logoUrl?: string | null
  assistantAvatarUrl?: string | null
  /** Where on the colour circle the accent is; absent is the page's own. */
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
  /** Not in the list and gone after a while. */
  temporary?: boolean
  createdAt: string
  updatedAt: string
  messageCount?: number
  activeRunMessageId?: number | null
}

/** A chat that a search found: where its text has the words; none when only the title has them. */
export interface FoundSession extends Session {
  matches?: { messageId: number; snippet: string }[] | null
}

/** Sampling parameters; what is absent is left to the provider. */
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
export type ToolStatus = 'running' | 'succeeded' | 'failed'

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
  source: 'provider' | 'estimate'
}

export interface MessageImage {
  id: string
  url: string
  width: number
  height: number
  mime: string
}

export interface MessageError {
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
  createdAt: string
  /** Position of this snapshot in the live run; attach with `?after=` it. Only while streaming. */
  eventId?: number | null
  clientMessageId?: string | null
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

/** Everything a running answer can say. `eventId` is its position; a reader resumes after it. */
export type ChatEvent =
  | { type: 'start'; sessionId: number; userMessage: Message | null; assistantMessage: Message; model?: string | null; contextLimit?: number | null; promptTokens?: number | null }
  | { type: 'delta'; text: string }
  | { type: 'reasoning'; text?: string; done?: boolean; ms?: number }
  | ({ type: 'tool' } & ToolCall)
  | ({ type: 'usage' } & Usage)
  | ({ type: 'quota' } & Quota)
  | { type: 'title'; sessionId: number; title: string }
  | ({ type: 'error' } & { code: string; detail?: string | null })
  | { type: 'done'; messageId: number; status: MessageStatus; finishReason?: string | null; usage?: Usage | null; firstTokenMs?: number | null; totalMs?: number | null; connectionId?: number | null; model?: string | null; provider?: string | null; removedVersions?: number[] | null }

export type Effort = 'minimal' | 'low' | 'medium' | 'high'

/** How an answer is to be made; what is absent follows the settings of the server. */
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
  /** Absent: after the newest message. Null: a new beginning of the chat. */
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

/** Money for a million tokens. */
export interface ModelPrice {
  input: number
  output: number
  cachedInput?: number | null
  cacheWrite?: number | null
}

export type Capability = 'vision' | 'tools' | 'webSearch' | 'reasoning' | 'imageGeneration'

export type Provider = 'openai' | 'azure_openai' | 'anthropic' | 'google_genai' | 'ollama' | 'demo'
export type AuthType = 'bearer' | 'api_key' | 'none' | 'entra'

export interface PersonalSettings {
  locale?: string | null
  theme?: string | null
  preferredModel?: string | null
}

/** What the settings of the server say to everybody. */
export interface PublicSettings {
  reasoningEnabled?: boolean
  webSearchEnabled?: boolean
  /** Whether requests of those who may record are recorded without being asked. */
  taskTraceDefaultOn?: boolean
}

/** A chat's use so far. */
export interface SessionUsage {
  total: { promptTokens: number; completionTokens: number; cost?: number | null }
  context: { promptTokens: number; contextLimit?: number | null }
}

export interface FoundMessage {
  messageId: number
  snippet: string
}
