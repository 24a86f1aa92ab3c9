import type { CatalogModel } from '../api/types'
import type { ModelGroup } from '../state/catalog.svelte'
import { searchModels } from './model-search'

export interface ModelOption {
  /** A model can stand in more than one section. */
  key: string
  model: CatalogModel
}

export interface ModelSection {
  /** Of its connection: names are what people type, and may be the same. */
  key: string
  kind: 'starred' | 'recent' | 'group'
  name: string
  demo: boolean
  options: ModelOption[]
}

/** What the list shows: starred models, those used last, then all by connection; only matches while searching. */
export function modelSections(groups: readonly ModelGroup[], query: string, starred: readonly string[], recent: readonly string[]): ModelSection[] {
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
