import { url, type Query } from '../browser/address'
import { noteAccess, takeEarly } from './early'
import type { ProblemBody } from './types'

/** A request that the server refused or that did not reach it (`code` is `offline`). The text shown is chosen by `code`. */
export class Problem extends Error {
  /** When the request may be tried again; null when the server did not say. */
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

/** Whether there was no answer of the server itself, which may come back. */
export const isUnreachable = (error: unknown) => error instanceof Problem && (error.status === 0 || error.status >= 502)

/**
 * Sent with every request that changes something. Another site's page cannot set this header, so the server recognises its own page by it
 * even where a proxy hides the address under which the page was opened.
 */
export const ownPage = { 'X-Requested-With': 'aichat' }

const asJson = { ...ownPage, 'Content-Type': 'application/json' }

let onSignedOut: () => void = () => undefined

/** The listener is called when a login has ended: the access cookie is gone and refreshing failed. */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener
}

let refreshing: Promise<boolean> | null = null

/**
 * One refresh serves all requests that wait for it; the server's grace period covers other tabs. Throws `Problem` when it is not known
 * whether the login has ended.
 */
export function refresh(): Promise<boolean> {
  refreshing ??= attempt('POST', url('api/auth/refresh'), json({}))
    .then(async (response) => {
      if (isForeign(response) || !response.ok) {
        const problem = await toProblem(response)
        // Only the server itself can end a login.
        if (isForeign(response) || problem.status >= 500 || problem.status === 429 || /^http_/.test(problem.code)) throw problem
        return false
      }
      await response.text() // an unread body would keep the connection busy
      noteAccess()
      return true
    })
    .finally(() => {
      refreshing = null
    })
  return refreshing
}

/** A page or a redirect in place of an answer: what stands between this page and the server has answered instead of it. */
const isForeign = ({ type, headers }: Response): boolean =>
  type === 'opaqueredirect' || (headers.get('Content-Type') ?? '').startsWith('text/html')

export async function toProblem(response: Response): Promise<Problem> {
  if (response.ok || response.type === 'opaqueredirect') return new Problem(response.status, 'foreign_page')
  let body: ProblemBody = {}
  try {
    // What is JSON and not an object is not ours either.
    body = Object((await response.json()) as unknown) as ProblemBody
  } catch {
    // An error page of a proxy has no body to read: only the status is known.
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
    const sent = { ...init, method, credentials: 'same-origin', redirect: 'manual' } as const
    return await ((method === 'GET' && takeEarly(target)) || fetch(target, sent))
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new Problem(0, 'offline')
  }
}

/** How long a request that only reads waits when the server says that there are too many, and how often. */
const [longestPauseSeconds, pauses] = [5, 4]

/** Many tabs opened at once, or one reloaded often, are late then and not broken. */
async function attemptPatiently(method: string, target: string, init: RequestInit): Promise<Response> {
  for (let left = method === 'GET' ? pauses : 0; ; left--) {
    const response = await attempt(method, target, init)
    const seconds = response.status === 429 ? Number(response.headers.get('Retry-After')) : 0
    if (left === 0 || !(seconds > 0 && seconds <= longestPauseSeconds)) return response
    await response.text() // an unread body would keep the connection busy
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000 * (1 + Math.random() / 2)))
  }
}

/** Sends, refreshing the login once when it has run out. Throws `Problem` for every refusal. */
export async function send(method: string, path: string, init: RequestInit = {}, query: Query = {}): Promise<Response> {
  const target = url(path, query)
  let response = await attemptPatiently(method, target, init)
  if (response.status === 401 && !path.startsWith('api/auth/log')) {
    const problem = await toProblem(response)
    if (problem.code !== 'unauthenticated') throw problem
    if (!(await refresh())) {
      onSignedOut()
      throw problem
    }
    response = await attemptPatiently(method, target, init)
  }
  if (!response.ok || isForeign(response)) throw await toProblem(response)
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
