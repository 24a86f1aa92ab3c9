/**
 * One page after another. What is there already is not added again: a button pressed twice asks for the same page twice, and a row
 * that moved between two pages is on both.
 */
export function joined<T extends { id: number }>(items: readonly T[] | null, more: readonly T[]): T[] {
  const known = new Set((items ?? []).map((one) => one.id))
  return [...(items ?? []), ...more.filter((one) => !known.has(one.id) && known.add(one.id))]
}
