import { get, write } from './http'
import type { ChatSetup, FoundMessage, FoundSession, Message, Page, Session } from './types'

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
/** Selects the branch that contains the message. */
export const activate = (id: number, messageId: number) => write('POST', `api/sessions/${id}/branch`, { messageId })
/** Creates a chat with a copy of everything up to that message. */
export const fork = (id: number, messageId: number) => write<Session>('POST', `api/sessions/${id}/fork`, { messageId })
/** Finds messages that contain these words, in reading order. */
export const find = (id: number, q: string, signal: AbortSignal) =>
  get<Page<FoundMessage> & { total: number }>(`api/sessions/${id}/find`, { q, limit: 100 }, signal)
