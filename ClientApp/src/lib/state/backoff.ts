/** Exponential back-off with full jitter, so that many tabs do not return to the same server at once. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  return 250 + random() * Math.min(15_000, 500 * 2 ** attempt)
}

/** Waits, or until the network returns; rejects when aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer)
      removeEventListener('online', wake)
      signal.removeEventListener('abort', abort)
      settle()
    }
    const wake = () => finish(resolve)
    const abort = () => finish(() => reject(new DOMException('aborted', 'AbortError')))
    const timer = setTimeout(wake, ms)
    addEventListener('online', wake)
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
  })
}

/** Tries again, more and more seldom and when the network returns, until it is done. */
export async function until(done: () => boolean, again: () => Promise<unknown>): Promise<void> {
  const never = new AbortController().signal
  for (let attempt = 0; !done(); attempt++) {
    await pause(backoffMs(attempt), never)
    if (!done()) await again()
  }
}
