import type { CatalogModel } from '../api/types'
import type { Catalog } from '../state/catalog.svelte'
import type { Composing } from '../state/composing.svelte'
import { estimateTokens } from './tokens'

/** Whether the model can take the message in the composer. */
export interface Fit {
  model: CatalogModel | null
  /** The model cannot see what is attached. */
  blind: boolean
  /** A model that can, if there is any. */
  seeing: CatalogModel | null
  /** Tokens of a message that is longer than the model reads, even alone; null when it fits. */
  beyond: number | null
  limit: number | null
}

/** @param longest Tokens of the longest message that fits, where the server said it. */
export function fitOf(
  composing: Pick<Composing, 'attachments' | 'length' | 'saying'>, model: CatalogModel | null, longest: number | null, limit: number | null,
  catalog: Pick<Catalog, 'seeing'>,
): Fit {
  const images = composing.attachments.items.length
  const blind = images > 0 && model !== null && model.capabilities?.vision !== true
  return { model, blind, seeing: blind && model ? catalog.seeing(model) : null, beyond: beyond(), limit }

  function beyond(): number | null {
    const most = longest ?? (limit === null ? null : (limit * 3) / 4)
    // No character is more than two thirds of a token, so most messages need not be counted.
    if (most === null || composing.length + images * 1500 < most) return null
    const tokens = estimateTokens(composing.saying.content, images)
    return tokens > most ? tokens : null
  }
}
