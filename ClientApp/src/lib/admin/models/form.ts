import type { ModelOverride } from '../../api/managed-models'
import type { Capability } from '../../api/types'

export const capabilities: readonly Capability[] = ['vision', 'reasoning', 'tools', 'webSearch', 'imageGeneration']

export type Choice = 'inherit' | 'yes' | 'no'

/** The texts in the form; an empty one inherits the value of the connection or provider. */
interface ModelForm {
  name: string
  tags: string
  contextLimit: string
  maxOutputTokens: string
  input: string
  output: string
  cachedInput: string
  cacheWrite: string
  capabilities: Record<Capability, Choice>
}

const text = (value: number | string | null | undefined) => (value == null ? '' : String(value))

export function formOf(override: ModelOverride | null): ModelForm {
  const choice = (capability: Capability): Choice => {
    const value = override?.capabilities?.[capability]
    return value == null ? 'inherit' : value ? 'yes' : 'no'
  }
  return {
    name: text(override?.name),
    tags: (override?.tags ?? []).join(', '),
    contextLimit: text(override?.contextLimit),
    maxOutputTokens: text(override?.maxOutputTokens),
    input: text(override?.price?.input),
    output: text(override?.price?.output),
    cachedInput: text(override?.price?.cachedInput),
    cacheWrite: text(override?.price?.cacheWrite),
    capabilities: {
      vision: choice('vision'),
      reasoning: choice('reasoning'),
      tools: choice('tools'),
      webSearch: choice('webSearch'),
      imageGeneration: choice('imageGeneration'),
    },
  }
}

type Field = 'contextLimit' | 'maxOutputTokens' | 'price'

/** The change to send, or the names of the fields that are not valid numbers. */
export function changeOf(form: ModelForm): { change: Omit<ModelOverride, 'connectionId' | 'model'> } | { wrong: Field[] } {
  const wrong = new Set<Field>()
  const number = (typed: string, field: Field, whole: boolean): number | null => {
    if (typed.trim() === '') return null
    const value = Number(typed)
    if (!Number.isFinite(value) || value < 0 || (whole && !Number.isInteger(value))) wrong.add(field)
    return value
  }
  const [input, output, cachedInput, cacheWrite] = [form.input, form.output, form.cachedInput, form.cacheWrite].map((typed) =>
    number(typed, 'price', false),
  )
  const priced = [input, output, cachedInput, cacheWrite].some((value) => value != null)
  if (priced && (input == null || output == null)) wrong.add('price')
  const tags = form.tags.split(/[,，\n]/).map((tag) => tag.trim()).filter((tag) => tag !== '')
  const chosen = capabilities.filter((capability) => form.capabilities[capability] !== 'inherit')
  const change = {
    name: form.name.trim() || null,
    tags: tags.length > 0 ? tags : null,
    capabilities:
      chosen.length > 0 ? Object.fromEntries(chosen.map((capability) => [capability, form.capabilities[capability] === 'yes'])) : null,
    contextLimit: number(form.contextLimit, 'contextLimit', true),
    maxOutputTokens: number(form.maxOutputTokens, 'maxOutputTokens', true),
    price: priced ? { input: input ?? 0, output: output ?? 0, cachedInput: cachedInput ?? null, cacheWrite: cacheWrite ?? null } : null,
  }
  return wrong.size > 0 ? { wrong: [...wrong] } : { change }
}
