import { url } from '../browser/address'
import { get, write } from './http'

type TraceStatus = 'running' | 'completed' | 'failed' | 'stopped'

/** A recorded request. */
export interface Trace {
  id: number
  actor: string
  kind: string
  sessionId: number | null
  messageId: number | null
  clientMessageId?: string
  provider?: string
  model: string | null
  status: TraceStatus
  startedAt: string
  endedAt: string | null
  durationMs: number | null
  eventCount: number
  truncated: boolean
}

interface TraceEvent {
  seq: number
  type: string
  at: string
  payload: Record<string, unknown>
}

export interface TraceQuery {
  page: number
  pageSize: number
  q?: string
  status?: TraceStatus | ''
  sessionId?: number | null
}

export const list = (query: TraceQuery) =>
  get<{ items: Trace[]; total: number; page: number; pageSize: number }>('api/task-trace', { ...query })
export const read = (id: number) => get<{ trace: Trace; events: TraceEvent[]; truncated: boolean }>(`api/task-trace/${id}`)
export const exportFile = (id: number) => url(`api/task-trace/${id}/export`)
export const remove = (id: number) => write('DELETE', `api/task-trace/${id}`)
export const removeAll = () => write<{ deleted: number }>('DELETE', 'api/task-trace')
export const cleanUp = (retentionDays: number) => write<{ deleted: number }>('POST', 'api/task-trace/cleanup', { retentionDays })
