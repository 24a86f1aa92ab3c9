import type { CatalogModel } from '../api/types'
import type { I18n } from '../i18n/index.svelte'

const compact = (tokens: number): string =>
  tokens >= 1e6 ? `${+(tokens / 1e6).toFixed(1)}M` : tokens >= 1000 ? `${Math.round(tokens / 1000)}k` : String(tokens)

/** One line about a model: capabilities, context size and price. */
export function facts(model: CatalogModel, i18n: Pick<I18n, 't' | 'number'>): string {
  const { capabilities, contextLimit, price } = model
  return [
    capabilities?.reasoning ? i18n.t('model.reasoning') : '',
    capabilities?.vision ? i18n.t('model.vision') : '',
    capabilities?.tools ? i18n.t('model.tools') : '',
    contextLimit ? i18n.t('model.context', { n: compact(contextLimit) }) : '',
    price ? i18n.t('model.price', { input: String(price.input), output: String(price.output) }) : '',
  ].filter((fact) => fact !== '').join(' · ')
}
