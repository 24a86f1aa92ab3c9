import type { CatalogModel } from '../api/types'
import type { ModelGroup } from '../state/catalog.svelte'
import { searchModels } from './model-search'

export interface ModelOption {
  /** Unique within the list, because a model can be in several sections. */
  key: string
  model: CatalogModel
}

export interface ModelSection {
  /** The connection's id: names are typed by people and need not be unique. */
  key: string
  kind: 'starred' | 'recent' | 'group'
  name: string
  demo: boolean
  options: ModelOption[]
}

/** The sections of the list: starred models, recently used ones, then all by connection; while searching, only matches. */
export function modelSections(
  groups: readonly ModelGroup[],
  query: string,
  starred: readonly string[],
  recent: readonly string[],
): ModelSection[] {
  const matching = searchModels(groups, query)
  const all = new Map(matching.flatMap((group) => group.models).map((model) => [model.id, model]))
  const pick = (kind: 'starred' | 'recent', ids: readonly string[]): ModelSection => ({
    key: kind,
    kind,
    name: kind,
    demo: false,
    options: [...new Set(ids)].flatMap((id) => {
      const model = all.get(id)
      return model ? [{ key: `${kind}-${id}`, model }] : []
    }),
  })
  const few = all.size <= 6
  const searching = query.trim() !== ''
  return [
    pick('starred', starred),
    ...(searching || few ? [] : [pick('recent', recent.filter((id) => !starred.includes(id)))]),
    ...matching.map((group): ModelSection => ({
      key: `group-${group.connectionId}`,
      kind: 'group',
      name: group.name,
      demo: group.demo,
      options: group.models.map((model) => ({ key: `${model.connectionId}-${model.id}`, model })),
    })),
  ].filter((section) => section.options.length > 0)
}
