import { fold, holds, termsOf } from '../browser/letters'
import type { CatalogModel } from '../api/types'
import type { ModelGroup } from '../state/catalog.svelte'
import { vendorOf } from './vendors'

const squeezed = (text: string) => text.replace(/[\s\-_.:/]+/g, '')

/**
 * Every word of the query must occur in what is known or shown of a model: its name, id, tags, provider, vendor, and the words for what it
 * can. Signs between the parts of a name do not count: "gpt5" finds GPT-5.
 */
export function searchModels(
  groups: readonly ModelGroup[],
  query: string,
  words: (model: CatalogModel) => string = () => '',
): ModelGroup[] {
  const terms = termsOf(query)
  if (terms.length === 0) return [...groups]
  return groups.flatMap((group) => {
    const models = group.models.filter((model) => {
      const all = [
        model.name, model.id, model.model, group.name, model.provider, vendorOf(model.model) ?? '', ...(model.tags ?? []), words(model),
      ].join(' ')
      if (holds(all, terms)) return true
      const close = squeezed(fold(all))
      return terms.every((term) => holds(all, [term]) || close.includes(squeezed(term)))
    })
    return models.length > 0 ? [{ ...group, models }] : []
  })
}
