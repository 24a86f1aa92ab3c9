import { get, write } from './http'
import type { Connection, ConnectionInput, Page, User, VerifyResult } from './types'

/** `providers` are the native protocols this server speaks. */
export const connections = () => get<{ items: Connection[]; providers?: string[] }>('api/connections')
export const createConnection = (input: ConnectionInput) => write<Connection>('POST', 'api/connections', input)
export const saveConnection = (id: number, input: Partial<ConnectionInput>) => write<Connection>('PUT', `api/connections/${id}`, input)
export const deleteConnection = (id: number) => write('DELETE', `api/connections/${id}`)
export const verifyConnection = (input: ConnectionInput | ({ id: number } & Partial<ConnectionInput>)) =>
  write<VerifyResult>('POST', 'api/connections/verify', input)

export const users = (query: { q?: string; status?: string; cursor?: string | null }) => get<Page<User>>('api/users', query)
export const approveUser = (id: number) => write<unknown>('POST', `api/users/${id}/approve`, {})
export const rejectUser = (id: number, reason: string) => write<unknown>('POST', `api/users/${id}/reject`, reason ? { reason } : {})
