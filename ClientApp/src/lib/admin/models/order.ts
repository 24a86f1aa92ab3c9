import type { ManagedModel } from '../../api/managed-models'

/** The models of one connection in the order in which people see them. */
export interface Ordered {
  connectionId: number
  name: string
  models: readonly ManagedModel[]
}

/** Visible models by connection, for connections with more than one. Hidden models have no place in the list. */
export function ordered(models: readonly ManagedModel[]): Ordered[] {
  const groups = new Map<number, ManagedModel[]>()
  for (const model of models) if (!model.hidden) groups.set(model.connectionId, [...(groups.get(model.connectionId) ?? []), model])
  return [...groups]
    .filter(([, list]) => list.length > 1)
    .map(([connectionId, list]) => ({ connectionId, name: list[0]?.connectionName ?? '', models: list }))
}

export function moved<T>(list: readonly T[], from: number, to: number): readonly T[] {
  const target = Math.max(0, Math.min(list.length - 1, to))
  const one = list[from]
  if (one === undefined || target === from) return list
  return list.toSpliced(from, 1).toSpliced(target, 0, one)
}
