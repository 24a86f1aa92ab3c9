import type { Page } from './types'

/**
 * One page after another. What is there already is not added again: a button pressed twice asks for the same page twice, and a row
 * that moved between two pages is on both.
 */
export function joined<T extends { id: number }>(items: readonly T[] | null, more: readonly T[]): T[] {
  const known = new Set((items ?? []).map((one) => one.id))
  return [...(items ?? []), ...more.filter((one) => !known.has(one.id) && known.add(one.id))]
}

/** A list and the page that follows it. */
export function followedBy<T extends { id: number }>(before: Page<T> | null, next: Page<T>): Page<T> {
  return { items: joined(before?.items ?? null, next.items), nextCursor: next.nextCursor }
}
