import { url, type Query } from '../browser/address'
import { noteAccess, takeEarly } from './early'
import type { ProblemBody } from './types'

/** A request that the server refused, or that never reached it (`code` = `offline`). Shown by `code`. */
export class Problem extends Error {
  /** When the server lets it be tried again; null when it did not say. */
  readonly againAt: number | null

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string | null = null,
    readonly errors: Record<string, string[]> = {},
    readonly retryAfterSeconds: number | null = null,
    readonly traceId: string | null = null,
  ) {
    super(detail ?? code)
    this.againAt = retryAfterSeconds === null ? null : Date.now() + retryAfterSeconds * 1000
  }
}

/**
 * Goes with everything that changes something: another site's page cannot add it, so the server knows its own page by it where a proxy
 * hides the address it was opened under.
 */
export const ownPage = { 'X-Requested-With': 'aichat' }

const asJson = { ...ownPage, 'Content-Type': 'application/json' }

let onSignedOut: () => void = () => undefined

/** Called when a login has really ended: the access cookie is gone and refreshing failed. */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener
}

let refreshing: Promise<boolean> | null = null

/** One refresh for all requests that wait for it. Other tabs are covered by the server's grace period. */
export function refresh(): Promise<boolean> {
  refreshing ??= fetch(url('api/auth/refresh'), { method: 'POST', headers: asJson, body: '{}' })
    .then(async (response) => {
      await response.text() // an unread body would hold the connection
      if (response.ok) noteAccess()
      return response.ok
    })
    .finally(() => {
      refreshing = null
    })
  return refreshing
}

export async function toProblem(response: Response): Promise<Problem> {
  let body: ProblemBody = {}
  try {
    body = (await response.json()) as ProblemBody
  } catch {
    // A proxy's own error page: the status is all there is.
  }
  const retryAfter = Number(response.headers.get('Retry-After'))
  return new Problem(
    response.status,
    body.code ?? `http_${response.status}`,
    body.detail ?? body.title ?? null,
    body.errors ?? {},
    Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null,
    body.traceId ?? null,
  )
}

async function attempt(method: string, target: string, init: RequestInit): Promise<Response> {
  try {
    return await ((method === 'GET' && takeEarly(target)) || fetch(target, { ...init, method, credentials: 'same-origin' }))
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new Problem(0, 'offline')
  }
}

/** Sends, refreshing the login once when it has run out. Throws `Problem` for every refusal. */
export async function send(method: string, path: string, init: RequestInit = {}, query: Query = {}): Promise<Response> {
  const target = url(path, query)
  let response = await attempt(method, target, init)
  if (response.status === 401 && !path.startsWith('api/auth/log')) {
    const problem = await toProblem(response)
    if (problem.code !== 'unauthenticated') throw problem
    if (!(await refresh().catch(() => false))) {
      onSignedOut()
      throw problem
    }
    response = await attempt(method, target, init)
  }
  if (!response.ok) throw await toProblem(response)
  return response
}

export function json(body: unknown): RequestInit {
  return { headers: asJson, body: JSON.stringify(body) }
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const response = await send('GET', path, signal ? { signal } : {}, query)
  return (await response.json()) as T
}

/** POST, PUT, PATCH and DELETE with a JSON body; 204 gives `undefined`. */
export async function write<T = void>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const response = await send(method, path, body === undefined ? { headers: asJson } : json(body))
  if (response.status === 204) return undefined as T
  return (await response.json()) as T
}
