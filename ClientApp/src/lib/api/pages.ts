import type { Page } from './types'

/**
 * Appends a page without adding known rows again: a button pressed twice requests the same page twice, and a row that moved between two
 * pages is on both.
 */
export function joined<T extends { id: number }>(items: readonly T[] | null, more: readonly T[]): T[] {
  const known = new Set((items ?? []).map((one) => one.id))
  return [...(items ?? []), ...more.filter((one) => !known.has(one.id) && known.add(one.id))]
}

/** The list with the next page appended. */
export function followedBy<T extends { id: number }>(before: Page<T> | null, next: Page<T>): Page<T> {
  return { items: joined(before?.items ?? null, next.items), nextCursor: next.nextCursor }
}
