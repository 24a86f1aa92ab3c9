import { get, write } from './http'
import type { ChatSetup, FoundMessage, FoundSession, Message, Page, Session } from './types'

/** What the next question's prompt holds of a chat. */
export interface ChatContext {
  promptTokens: number
  contextLimit: number | null
  /** The oldest messages that no longer fit. */
  trimmedMessages: number
  /** The oldest message that is sent. */
  firstMessageId?: number | null
  /** Estimated tokens of the longest message that fits. */
  messageTokens?: number | null
}

export const list = (cursor?: string | null, options: { archived?: boolean; limit?: number } = {}) =>
  get<Page<Session>>('api/sessions', { cursor, limit: options.limit ?? 50, archived: options.archived })
/** Searches titles and texts. The server decides whether archived chats are included. */
export const search = (q: string, signal: AbortSignal, limit = 20) => get<Page<FoundSession>>('api/sessions', { q, limit }, signal)
export const create = (model?: { connectionId: number; model: string } | null, setup: ChatSetup & { temporary?: boolean } = {}) =>
  write<Session>('POST', 'api/sessions', { ...setup, ...(model && { connectionId: model.connectionId, model: model.model }) })
export const read = (id: number) => get<Session>(`api/sessions/${id}`)
export const change = (
  id: number,
  patch: { title?: string; pinned?: boolean; archived?: boolean; connectionId?: number; model?: string } & ChatSetup,
) => write<Session>('PATCH', `api/sessions/${id}`, patch)
export const remove = (id: number) => write('DELETE', `api/sessions/${id}`)
export const messages = (id: number, before?: string | null, limit = 50) =>
  get<Page<Message>>(`api/sessions/${id}/messages`, { before, limit })
/** Removes a message and everything after it on its branch. */
export const removeMessage = (id: number, messageId: number) => write('DELETE', `api/sessions/${id}/messages/${messageId}`)
/** What the next question's prompt would hold of the chat. */
export const context = async (id: number) => (await get<{ context: ChatContext }>(`api/sessions/${id}/usage`)).context
/** Lets a model summarise all but the newest messages; the summary is sent in their place. */
export const summarise = (id: number) => write<{ messageId: number; summary: string }>('POST', `api/sessions/${id}/summary`, {})
/** Sets what is sent in place of a message and all before it: a text, nothing (empty), or the messages (null). */
export const setSummary = (id: number, messageId: number, summary: string | null) =>
  write('PUT', `api/sessions/${id}/messages/${messageId}/summary`, { summary })
/** Selects the branch that contains the message. */
export const activate = (id: number, messageId: number) => write('POST', `api/sessions/${id}/branch`, { messageId })
/** Creates a chat with a copy of everything up to that message. */
export const fork = (id: number, messageId: number) => write<Session>('POST', `api/sessions/${id}/fork`, { messageId })
/** Finds messages that contain these words, in reading order. */
export const find = (id: number, q: string, signal: AbortSignal) =>
  get<Page<FoundMessage> & { total: number }>(`api/sessions/${id}/find`, { q, limit: 100 }, signal)
