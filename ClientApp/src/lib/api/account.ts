import { url } from '../browser/address'
import { get, ownPage, Problem, send, toProblem, write } from './http'
import type { Page } from './types'

export interface ApiKey {
  id: number
  name: string
  /** The first characters of the key, for recognising it. */
  prefix: string
  scopes: KeyScope[]
  models: string[] | null
  expiresAt: string | null
  dailyBudget: number | null
  spentToday: number
  lastUsedAt: string | null
  createdAt: string
}
type KeyScope = 'chat' | 'models' | 'api'

interface NewApiKey {
  name: string
  scopes?: readonly KeyScope[]
  expiresAt?: string
  dailyBudget?: number
}

export interface KeyList extends Page<ApiKey> {
  /** The public address that the administrator has set, for programs; null when there is none. */
  address: string | null
}

export const keys = () => get<KeyList>('api/keys')
/** The response is the only one that contains the key itself. */
export const createKey = (key: NewApiKey) => write<{ id: number; name: string; key: string; prefix: string }>('POST', 'api/keys', key)
/** Calls the API for programs with the key alone, without cookies. Returns the number of models the key may use. */
export async function tryKey(key: string): Promise<number> {
  const response = await fetch(url('v1/models'), {
    headers: { Authorization: `Bearer ${key}` },
    credentials: 'omit',
    cache: 'no-store',
  }).catch(() => null)
  if (!response) throw new Problem(0, 'offline')
  if (!response.ok) throw await toProblem(response)
  const { data } = (await response.json()) as { data: unknown[] }
  return data.length
}
export const deleteKey = (id: number) => write('DELETE', `api/keys/${id}`)

export async function saveAvatar(image: Blob): Promise<void> {
  await send('PUT', 'api/settings/personal/avatar', { headers: { ...ownPage, 'Content-Type': image.type }, body: image })
}
export const removeAvatar = () => write('DELETE', 'api/settings/personal/avatar')

export const exportFile = () => url('api/account/export')
export const deleteAccount = (password: string) => write('DELETE', 'api/account', { password })
