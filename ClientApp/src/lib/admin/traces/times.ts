/** A duration, with more precision the shorter it is: "85 ms", "1.24 s", "2:05 min". */
export function span(ms: number, number: (value: number) => string): string {
  if (ms < 1000) return `${number(ms)} ms`
  if (ms < 60_000) return `${number(Math.round(ms / 10) / 100)} s`
  const seconds = Math.round(ms / 1000)
  return `${number(Math.floor(seconds / 60))}:${String(seconds % 60).padStart(2, '0')} min`
}

/** Events to show unfolded: failures, retries and stops. */
export const isTrouble = (type: string): boolean => ['error', 'upstream.retry', 'persist.error', 'stream.idle', 'stop'].includes(type)
