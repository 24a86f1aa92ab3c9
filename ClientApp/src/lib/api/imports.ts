import { url } from '../browser/address'
import { get, ownPage, Problem, refresh, send, toProblem, write } from './http'
import type { Page } from './types'

export interface Skipped {
  what: string
  code: string
  why: string
}

export interface ChatImport {
  id: number
  name: string
  bytes: number
  state: 'running' | 'done' | 'failed'
  /** The share that was read, 0 to 1. */
  progress: number
  report: {
    taken: number
    updated: number
    unchanged: number
    messages: number
    images: number
    firstSessionId?: number
    skipped: Skipped[]
    skippedCount: number
  }
  error?: { code: string; detail: string }
  createdAt: string
}

export interface ImportOptions {
  restoreDeleted?: boolean
  everyone?: boolean
}

export const imports = () => get<Pick<Page<ChatImport>, 'items'>>('api/imports')
export const findImport = (id: number) => get<ChatImport>(`api/imports/${id}`)
/** Ends a running import, or takes a finished one from the list. */
export const removeImport = (id: number) => write('DELETE', `api/imports/${id}`)

/** Sends an archive and tells the share that was sent. `fetch` does not know it. */
export async function upload(file: File, options: ImportOptions, sent: (share: number) => void, signal: AbortSignal): Promise<ChatImport> {
  const target = url('api/imports', { name: file.name, ...options })
  let response = await attempt(target, file, sent, signal)
  if (response.status === 401 && (await refresh())) response = await attempt(target, file, sent, signal)
  if (response.status === 401) await send('GET', 'api/imports') // ends the login on this page
  if (response.status !== 202) throw await toProblem(response)
  return (await response.json()) as ChatImport
}

const attempt = (target: string, file: File, sent: (share: number) => void, signal: AbortSignal) =>
  new Promise<Response>((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', target)
    for (const [name, value] of Object.entries(ownPage)) request.setRequestHeader(name, value)
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.upload.onprogress = (event) => sent(event.total > 0 ? event.loaded / event.total : 0)
    request.onload = () => {
      const headers = { 'Content-Type': request.getResponseHeader('Content-Type') ?? '' }
      resolve(new Response(request.responseText, { status: request.status, headers }))
    }
    request.onerror = () => reject(new Problem(0, 'offline'))
    request.onabort = () => reject(new DOMException('The upload was ended.', 'AbortError'))
    signal.addEventListener('abort', () => request.abort())
    request.send(file)
  })
