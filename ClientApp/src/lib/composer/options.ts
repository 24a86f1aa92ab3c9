import type { AnswerOptions, Branding, CatalogModel, Effort } from '../api/types'
import type { MessageKey } from '../i18n/index.svelte'

export type Reasoning = 'auto' | 'off' | Effort

export function reasoningOf(options: AnswerOptions): Reasoning {
  if (options.reasoning?.enabled === false) return 'off'
  return options.reasoning?.effort ?? 'auto'
}

export function withReasoning(options: AnswerOptions, choice: Reasoning): AnswerOptions {
  const { reasoning: _, ...rest } = options
  if (choice === 'auto') return rest
  return { ...rest, reasoning: choice === 'off' ? { enabled: false } : { enabled: true, effort: choice } }
}

/** Sets a switch. A value equal to the server's default is left out. */
export function withFlag(
  options: AnswerOptions,
  name: 'webSearch' | 'contextEnabled' | 'trace',
  on: boolean,
  usual = name === 'contextEnabled',
): AnswerOptions {
  const { [name]: _, ...rest } = options
  return on === usual ? rest : { ...rest, [name]: on }
}

function withoutTrace({ trace: _, ...rest }: AnswerOptions): AnswerOptions {
  return rest
}

interface Chip {
  label: MessageKey
  effort: Reasoning | null
  without: AnswerOptions
}

interface Toggles {
  reasoning: boolean
  webSearch: boolean
}

/** What stands in the composer to be switched: what both the model and the server have. */
export function togglesOf(model: CatalogModel | null, server: Branding | null): Toggles {
  const can = model?.capabilities
  return {
    reasoning: can?.reasoning === true && server?.reasoningEnabled !== false,
    webSearch: can?.webSearch === true && can.tools !== false && server?.webSearchEnabled === true,
  }
}

/** The options that differ from the defaults and have no switch of their own, shown in the composer as reminders. */
export function chips(options: AnswerOptions, toggles: Partial<Toggles> = {}): Chip[] {
  const all: (Chip | null)[] = [
    !toggles.reasoning && reasoningOf(options) !== 'auto'
      ? { label: 'compose.reasoning', effort: reasoningOf(options), without: withReasoning(options, 'auto') }
      : null,
    !toggles.webSearch && options.webSearch
      ? { label: 'compose.webSearch', effort: null, without: withFlag(options, 'webSearch', false) }
      : null,
    options.contextEnabled === false
      ? { label: 'compose.noContext', effort: null, without: withFlag(options, 'contextEnabled', true) }
      : null,
    options.trace !== undefined
      ? { label: options.trace ? 'compose.trace' : 'compose.noTrace', effort: null, without: withoutTrace(options) }
      : null,
  ]
  return all.filter((chip) => chip !== null)
}
