import { url } from '../browser/address'
import { get, send, write } from './http'

export interface Backup {
  name: string
  bytes: number
  createdAt: string
  status: 'running' | 'done' | 'failed'
  verified: boolean
  error?: string | null
  step?: 'database' | 'images' | 'check' | 'send' | null
  share?: number | null
  scheduled: boolean
  /** It is in the data folder. */
  local: boolean
  /** It is in the store elsewhere. */
  remote: boolean
  masterKey?: string | null
  counts?: { users: number; sessions: number; messages: number; images: number } | null
}

export interface BackupList {
  items: Backup[]
  folder: string
  freeBytes?: number | null
  newestAgeSeconds?: number | null
  nextAt?: string | null
  zone: string
  lastFailure?: { name: string; at: string; reason: string } | null
  lastTrial?: { name: string; at: string; problem?: string | null } | null
  remote?: string | null
  remoteProblem?: string | null
}

export const backups = (refresh: boolean) => get<BackupList>('api/backups', refresh ? { refresh: 'true' } : {})
export const createBackup = (passphrase: string | null) =>
  write<Backup>('POST', 'api/backups', passphrase === null ? {} : { masterKey: 'passphrase', passphrase })
export const deleteBackup = (name: string) => write('DELETE', `api/backups/${encodeURIComponent(name)}`)
export const testStore = () => write<{ ok: boolean; detail?: string | null }>('POST', 'api/backups/remote/test', {})
export const confirmPassword = (password: string) => write('POST', 'api/auth/confirm', { password })

/** Asks for the first byte only, so that a refusal is seen before the browser saves it as a file. */
export async function mayDownload(name: string): Promise<void> {
  const response = await send('GET', `api/backups/${encodeURIComponent(name)}`, { headers: { Range: 'bytes=0-0' } })
  await response.body?.cancel()
}
export const backupAddress = (name: string) => url(`api/backups/${encodeURIComponent(name)}`)
