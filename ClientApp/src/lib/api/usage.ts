import { url } from '../browser/address'
import { get } from './http'

export interface UsageLine {
  /** The day, like 2026-11-23, when the lines are days. */
  day?: string | null
  id?: number | null
  name?: string | null
  provider?: string | null
  calls: number
  promptTokens: number
  completionTokens: number
  reasoningTokens: number
  cachedTokens: number
  totalTokens: number
  cost: number
  /** What the providers' prompt caches saved; less than 0 where filling them cost more. */
  saved: number
  failed: number
  averageFirstTokenMs?: number | null
}

export interface UsageSummary {
  from: string
  to: string
  total: UsageLine
  items: UsageLine[]
}

export type UsageScope = 'own' | 'all'
export type UsageBy = 'day' | 'model' | 'session' | 'user' | 'connection'

const path = (scope: UsageScope) => (scope === 'own' ? 'api/usage/summary' : 'api/admin/usage')

export const usage = (scope: UsageScope, by: UsageBy, from: string) => get<UsageSummary>(path(scope), { by, from })
/** Address of the CSV file; administrators only. */
export const usageFile = (by: UsageBy, from: string) => url('api/admin/usage', { by, from, format: 'csv' })
