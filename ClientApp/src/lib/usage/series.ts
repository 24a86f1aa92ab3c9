import type { UsageLine } from '../api/usage'

export type Measure = 'totalTokens' | 'cost' | 'calls'

/** The date that many days earlier, like "2026-11-23". Days are UTC, as on the server. */
export const dayBefore = (now: Date, days: number): string => new Date(now.getTime() - days * 86_400_000).toISOString().slice(0, 10)

/** Every day of the range, with zero for days without use, so that the time axis of the chart has no gaps. */
export function everyDay(lines: readonly UsageLine[], from: string, to: string, measure: Measure): { day: string; value: number }[] {
  const known = new Map(lines.map((line) => [line.day, line[measure]]))
  const days: { day: string; value: number }[] = []
  for (let at = Date.parse(`${from}T00:00:00Z`); at <= Date.parse(`${to}T00:00:00Z`); at += 86_400_000) {
    const day = new Date(at).toISOString().slice(0, 10)
    days.push({ day, value: known.get(day) ?? 0 })
  }
  return days
}

/** The top of an axis: 1, 2 or 5 times a power of ten, not below the largest value. */
export function niceTop(largest: number): number {
  if (largest <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(largest))
  const step = [1, 2, 5, 10].find((one) => one * power >= largest) ?? 10
  return step * power
}
