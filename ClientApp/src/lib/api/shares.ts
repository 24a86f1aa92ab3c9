import { url } from '../browser/address'
import { get, Problem, write } from './http'
import type { MessageImage, MessageStatus, Page } from './types'

export interface Share {
  token: string
  url: string
  expiresAt: string | null
  createdAt: string
}

/** A link in the list of all one's own; without an address it can only be ended. */
export interface OwnShare {
  sessionId: number
  title: string
  url?: string | null
  expiresAt: string | null
  createdAt: string
}

interface SharedMessage {
  id: number
  role: 'user' | 'assistant'
  content: string
  images?: MessageImage[] | null
  model?: string | null
  status: MessageStatus
  createdAt: string
}

export interface SharedChat {
  title: string
  createdAt: string
  expiresAt: string | null
  items: SharedMessage[]
  nextCursor: string | null
}

/** The link to a chat; null when there is none. */
export const share = (sessionId: number) =>
  get<Share>(`api/sessions/${sessionId}/share`).catch((error: unknown) => {
    if (error instanceof Problem && error.status === 404) return null
    throw error
  })
/** Creates a link and ends an older link to the same chat. */
export const makeShare = (sessionId: number, expiresAt: string | null) =>
  write<Share>('POST', `api/sessions/${sessionId}/share`, expiresAt === null ? {} : { expiresAt })
export const ownShares = async (cursor: string | null): Promise<Page<OwnShare & { id: number }>> => {
  const page = await get<Page<OwnShare>>('api/shares', { cursor })
  return { ...page, items: page.items.map((one) => ({ ...one, id: one.sessionId })) }
}
export const endShare = (sessionId: number) => write('DELETE', `api/sessions/${sessionId}/share`)
export const shared = (token: string, cursor: string | null) => get<SharedChat>(`api/shares/${encodeURIComponent(token)}`, { cursor })
export const exportFile = (sessionId: number, format: 'md' | 'json') => url(`api/sessions/${sessionId}/export`, { format })
