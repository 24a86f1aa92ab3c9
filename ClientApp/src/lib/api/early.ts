import { storage } from '../browser/storage'

type Early = Record<string, Promise<Response> | null>

/** Answers to what `theme-boot.js` asked before this script was there, by address. */
const page = globalThis as { aichatEarly?: Early }

// Says only that this browser was signed in, and when its access was renewed; read by `theme-boot.js` too.
const knownKey = 'aichat.known'

export const askedEarly = (): boolean => page.aichatEarly !== undefined
export const wasHere = (): boolean => storage.read(knownKey) !== null

/** The access token is new: what the next page asks ahead will be answered. */
export function noteAccess(): void {
  storage.write(knownKey, String(Date.now()))
}

/** Later than this an answer may be told anew. */
const freshMs = 10_000

/** The answer to this address when it was asked for ahead; once, and only while the page opens. */
export function takeEarly(target: string): Promise<Response> | undefined {
  const early = page.aichatEarly
  const answer = early?.[target]
  if (!early || !answer) return undefined
  early[target] = null
  return performance.now() < freshMs ? answer : undefined
}

/** Nobody is signed in any more. */
export function forgetAccess(): void {
  storage.write(knownKey, null)
  delete page.aichatEarly
}
