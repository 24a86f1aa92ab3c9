import { get, write } from './http'
import type { Message, Page, Session } from './types'

export const list = (cursor?: string | null, limit = 50) => get<Page<Session>>('api/sessions', { cursor, limit })
export const create = (model?: { connectionId: number; model: string } | null) =>
  write<Session>('POST', 'api/sessions', model ? { connectionId: model.connectionId, model: model.model } : {})
export const read = (id: number) => get<Session>(`api/sessions/${id}`)
export const change = (id: number, patch: { title?: string; connectionId?: number; model?: string }) =>
  write<Session>('PATCH', `api/sessions/${id}`, patch)
export const remove = (id: number) => write('DELETE', `api/sessions/${id}`)
export const messages = (id: number, before?: string | null, limit = 50) =>
  get<Page<Message>>(`api/sessions/${id}/messages`, { before, limit })
