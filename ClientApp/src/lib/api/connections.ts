import { get, write } from './http'
import type { AuthType, Provider } from './types'

/** Contains only the last characters of keys and only the names of headers. */
export interface Connection {
  id: number
  name: string
  provider: Provider
  baseUrl: string
  authType: AuthType
  hasKey: boolean
  keyHint?: string | null
  keys?: string[] | null
  headers?: Record<string, string> | null
  azureApiVersion?: string | null
  prefix?: string | null
  modelIds?: string[] | null
  local?: boolean
  /** `inherit`, `none` or the address of its own proxy, whose password is a mask. */
  proxy?: string
  caPem?: string | null
  enabled: boolean
  modelCount?: number
  lastCheckedAt?: string | null
  lastError?: string | null
  lastErrorCode?: string | null
}

/** The input of the form. Keys in the order of use, a stored key by its last characters; headers by name, a stored value by its mask. */
export interface ConnectionInput {
  name: string
  provider: Provider
  baseUrl: string
  authType: AuthType
  key?: string
  keys?: string[]
  headers?: Record<string, string>
  azureApiVersion?: string
  prefix?: string
  modelIds?: string[]
  local?: boolean
  proxy?: string
  caPem?: string
  enabled?: boolean
}

export type Hop = 'dns' | 'proxy' | 'connect' | 'tls' | 'answer' | 'path' | 'key' | 'models'

/** How far a test came. */
export interface VerifyReport {
  hop?: Hop | null
  hops: { hop: Hop; state: 'passed' | 'failed' | 'not_reached' }[]
  via?: string | null
  adviceCode?: string | null
  /** Why the hop failed, in a word, with what it names. */
  reason?: string | null
  reasonValue?: string | null
  /** The provider's own words. */
  quote?: string | null
  certificate?: {
    problem: string
    subject: string
    issuer: string
    notBefore: string
    notAfter: string
    names: string[]
    chain: string[]
  } | null
}

export interface VerifyResult {
  ok: boolean
  code?: string | null
  detail?: string | null
  models?: (string | { id: string; name?: string })[] | null
  /** Id of a stored connection with the same address and keys. */
  sameAs?: number | null
  report?: VerifyReport | null
  /** The address that answers instead of the one that was entered. */
  baseUrl?: string | null
}

/** `providers` are the native protocols this server speaks. */
export const connections = () => get<{ items: Connection[]; providers?: string[] }>('api/connections')
export const createConnection = (input: ConnectionInput) => write<Connection>('POST', 'api/connections', input)
export const saveConnection = (id: number, input: Partial<ConnectionInput>) => write<Connection>('PUT', `api/connections/${id}`, input)
export const deleteConnection = (id: number) => write('DELETE', `api/connections/${id}`)
export const verifyConnection = (input: ConnectionInput | ({ id: number } & Partial<ConnectionInput>)) =>
  write<VerifyResult>('POST', 'api/connections/verify', input)
