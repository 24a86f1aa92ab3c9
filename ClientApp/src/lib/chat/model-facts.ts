import '../i18n/welcome'
import type { Capability, CatalogModel } from '../api/types'
import type { I18n, MessageKey } from '../i18n/index.svelte'

const compact = (tokens: number): string =>
  tokens >= 1e6 ? `${+(tokens / 1e6).toFixed(1)}M` : tokens >= 1000 ? `${Math.round(tokens / 1000)}k` : String(tokens)

/** What a model can, in words. */
export const canDo = {
  reasoning: 'model.reasoning',
  vision: 'model.vision',
  tools: 'model.tools',
  webSearch: 'model.searches',
  imageGeneration: 'model.draws',
} as const satisfies Record<Capability, MessageKey>

/** The capabilities of a model, in the order of the words. */
export const able = (model: CatalogModel): Capability[] =>
  (Object.keys(canDo) as Capability[]).filter((one) => model.capabilities?.[one] === true)

/** One line about a model: capabilities, context size and price. */
export function facts(model: CatalogModel, i18n: Pick<I18n, 't' | 'number'>): string {
  const { capabilities, contextLimit, price } = model
  return [
    capabilities?.reasoning ? i18n.t('model.reasoning') : '',
    capabilities?.vision ? i18n.t('model.vision') : '',
    capabilities?.tools ? i18n.t('model.tools') : '',
    capabilities?.imageGeneration ? i18n.t('model.draws') : '',
    contextLimit ? i18n.t('model.context', { n: compact(contextLimit) }) : '',
    price ? i18n.t('model.price', { input: String(price.input), output: String(price.output) }) : '',
  ].filter((fact) => fact !== '').join(' · ')
}
