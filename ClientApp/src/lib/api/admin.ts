import { get, write } from './http'
import type { Page, Role, User } from './types'

export const users = (query: { q?: string; status?: string; cursor?: string | null }) => get<Page<ManagedUser>>('api/users', query)
export const user = (id: number) => get<ManagedUser & { used?: Used | null }>(`api/users/${id}`)
export const approveUser = (id: number) => write<unknown>('POST', `api/users/${id}/approve`, {})
export const rejectUser = (id: number, reason: string) => write<unknown>('POST', `api/users/${id}/reject`, reason ? { reason } : {})
export const createUser = (username: string, role: Role) =>
  write<{ user: User; oneTimeCode: string }>('POST', 'api/users', { username, role })
export const setRole = (id: number, role: Role) => write<unknown>('PUT', `api/users/${id}/role`, { role })
export const setStatus = (id: number, status: 'ACTIVE' | 'DISABLED', reason = '') =>
  write<unknown>('PUT', `api/users/${id}/status`, reason ? { status, reason } : { status })
export const setLimits = (id: number, limits: UserLimits & { resetUsed: boolean }) => write<unknown>('PUT', `api/users/${id}/quota`, limits)
export const resetPassword = (id: number) => write<{ oneTimeCode: string }>('POST', `api/users/${id}/reset-password`, {})
export const deleteUser = (id: number) => write('DELETE', `api/users/${id}`)

/** An account as administrators see it. A null limit is the server's default; a budget of -1 is no limit. */
export interface UserLimits {
  dailyLimit: number | null
  unlimited: boolean
  dailyTokenBudget?: number | null
  monthlyTokenBudget?: number | null
  dailyMoneyBudget?: number | null
  monthlyMoneyBudget?: number | null
}
export type ManagedUser = User & UserLimits

/** Usage against the limits, and when the day and the month end. */
export interface Used {
  messages: number
  dayTokens: number
  monthTokens: number
  dayMoney: number
  monthMoney: number
  dayEndsAt: string
  monthEndsAt: string
}

export interface AuditItem {
  id: number
  at: string
  actorId?: number | null
  /** The current name of the account. */
  actor?: string | null
  action: string
  target?: string | null
  detail?: string | null
  ip?: string | null
}
export const audit = (cursor: string | null) => get<Page<AuditItem>>('api/audit', { cursor })

/** Something an administrator should know or mend. The page translates by `kind`. */
export interface ServerNotice {
  kind: string
  detail: string
  /** What it is about, such as an address or a path. */
  subject?: string | null
  /** The line of the server's configuration that mends it. */
  setting?: string | null
  since: string
}

export interface AppInfo {
  name: string
  version?: string | null
  commit?: string | null
  sqliteVersion?: string | null
  startedAt?: string | null
  dataBytes?: number | null
  notices?: ServerNotice[]
}
export const appInfo = () => get<AppInfo>('api/settings/app-info')
