import { storage } from '../browser/storage'

type Early = Record<string, Promise<Response> | null>

/** Responses to the requests that `theme-boot.js` sent before this script had loaded, by address. */
const page = globalThis as { aichatEarly?: Early }

// Stores only that this browser was signed in and when its access token was renewed. `theme-boot.js` reads it too.
const knownKey = 'aichat.known'

export const askedEarly = (): boolean => page.aichatEarly !== undefined
export const wasHere = (): boolean => storage.read(knownKey) !== null

/** Notes that the access token is new, so that early requests of the next page load will succeed. */
export function noteAccess(): void {
  storage.write(knownKey, String(Date.now()))
}

/** After this time an early response may be outdated. */
const freshMs = 10_000

/** The early response for this address, once and only while the page is opening. */
export function takeEarly(target: string): Promise<Response> | undefined {
  const early = page.aichatEarly
  const answer = early?.[target]
  if (!early || !answer) return undefined
  early[target] = null
  return performance.now() < freshMs ? answer : undefined
}

/** Forgets the sign-in and all early responses. */
export function forgetAccess(): void {
  storage.write(knownKey, null)
  delete page.aichatEarly
}
