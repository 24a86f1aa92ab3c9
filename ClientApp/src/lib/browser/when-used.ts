import { whenIdle } from './when-idle'

const signs = ['pointermove', 'pointerdown', 'keydown', 'focusin', 'wheel'] as const
const latest = 10_000

let used = false
const waiting = new Set<() => void>()

function begin(): void {
  used = true
  for (const sign of signs) removeEventListener(sign, begin, true)
  for (const run of waiting) run()
  waiting.clear()
}

for (const sign of signs) addEventListener(sign, begin, { capture: true, passive: true })
setTimeout(() => whenIdle(begin), latest)

/**
 * Calls back at the first use of the page, after ten seconds at the latest. For slow work whose result only pointing or a screen reader
 * reveals.
 */
export function whenUsed(run: () => void): () => void {
  if (used) return whenIdle(run)
  waiting.add(run)
  return () => waiting.delete(run)
}
