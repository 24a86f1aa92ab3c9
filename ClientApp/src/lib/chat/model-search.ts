import { holds, termsOf } from '../browser/letters'
import type { ModelGroup } from '../state/catalog.svelte'

/** Every word of the query must occur in the name, id, tags or provider. */
export function searchModels(groups: readonly ModelGroup[], query: string): ModelGroup[] {
  const words = termsOf(query)
  if (words.length === 0) return [...groups]
  return groups.flatMap((group) => {
    const models = group.models.filter((model) =>
      holds([model.name, model.id, model.model, group.name, model.provider, ...(model.tags ?? [])].join(' '), words),
    )
    return models.length > 0 ? [{ ...group, models }] : []
  })
}
