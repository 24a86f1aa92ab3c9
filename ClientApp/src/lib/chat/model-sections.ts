import type { CatalogModel, Capability } from '../api/types'
import type { ModelGroup } from '../state/catalog.svelte'
import { searchModels } from './model-search'
import { rankOf, vendorOf } from './vendors'

export interface ModelOption {
  /** Unique within the list, because a model can be in several sections. */
  key: string
  model: CatalogModel
}

export interface ModelSection {
  key: string
  kind: 'starred' | 'recent' | 'group'
  name: string
  demo: boolean
  options: ModelOption[]
}

interface Wanted {
  query: string
  /** Only models that can all of it. */
  capabilities: readonly Capability[]
  starred: readonly string[]
  recent: readonly string[]
  /** The words shown for what a model can. */
  words?: (model: CatalogModel) => string
}

/** A name is typed by people and need not be unique, and a vendor is never called so. */
const ownGroup = (group: ModelGroup) => `connection ${group.connectionId}`

/** Starred models, those used last, then all by who made them; a model whose maker is unknown is with its connection. */
export function modelSections(groups: readonly ModelGroup[], wanted: Wanted): ModelSection[] {
  const { query, capabilities, starred, recent, words } = wanted
  const matching = searchModels(groups, query, words).map((group) => ({
    ...group,
    models: group.models.filter((model) => capabilities.every((one) => model.capabilities?.[one])),
  }))
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
  const sections = new Map<string, ModelSection & { rank: number }>()
  for (const group of matching) {
    for (const model of group.models) {
      const vendor = group.demo ? null : vendorOf(model.model)
      const key = vendor ?? ownGroup(group)
      const rank = group.demo ? Infinity : vendor === null ? 1000 : rankOf(vendor)
      const name = vendor ?? group.name
      const section = sections.get(key) ?? { key: `group-${key}`, kind: 'group', name, demo: group.demo, options: [], rank }
      section.options.push({ key: `${model.connectionId}-${model.id}`, model })
      sections.set(key, section)
    }
  }
  const few = all.size <= 6
  const searching = query.trim() !== ''
  return [
    pick('starred', starred),
    ...(searching || few ? [] : [pick('recent', recent.filter((id) => !starred.includes(id)))]),
    // Not by subtraction alone: the demo's rank is infinite.
    ...[...sections.values()].sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank)),
  ].filter((section) => section.options.length > 0)
}
