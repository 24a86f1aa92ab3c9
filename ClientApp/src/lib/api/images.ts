import { url } from '../browser/address'
import { ownPage, Problem, refresh, toProblem, write } from './http'
import type { MessageImage, ProblemBody } from './types'

/** Uploads one image. Uses XMLHttpRequest, because fetch does not report upload progress. Throws `Problem`. */
export async function upload(image: Blob, onProgress: (share: number) => void, signal: AbortSignal): Promise<MessageImage> {
  try {
    return await put(image, onProgress, signal)
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401 || !(await refresh().catch(() => false))) throw error
    return put(image, onProgress, signal)
  }
}

/**
 * The address from which this page loads an image. The link may name the site's public address, and the page's policy blocks any origin
 * but its own, so a page opened under another name of the same server uses its own origin.
 */
export function source(image: MessageImage): string {
  const path = image.url.indexOf('chat-images/')
  return path < 0 ? image.url : url(image.url.slice(path))
}

export const remove = (id: string) => write('DELETE', `api/images/${id}`)

/** Copies the image for use in another message. */
export async function copy(image: MessageImage): Promise<MessageImage> {
  const response = await fetch(source(image))
  if (!response.ok) throw await toProblem(response)
  return upload(await response.blob(), () => undefined, new AbortController().signal)
}

function put(image: Blob, onProgress: (share: number) => void, signal: AbortSignal): Promise<MessageImage> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const fail = () => reject(new Problem(0, 'offline'))
    request.open('POST', url('api/images'))
    request.setRequestHeader('Content-Type', image.type)
    for (const [name, value] of Object.entries(ownPage)) request.setRequestHeader(name, value)
    request.responseType = 'json'
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0)
    request.onload = () => {
      if (request.status === 201) return resolve(request.response as MessageImage)
      const body = (request.response ?? {}) as ProblemBody
      return reject(new Problem(request.status, body.code ?? `http_${request.status}`, body.detail ?? null))
    }
    request.onerror = fail
    request.ontimeout = fail
    request.onabort = fail
    signal.addEventListener('abort', () => request.abort())
    request.send(image)
  })
}
