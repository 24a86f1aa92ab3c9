import { Problem } from '../../api/http'
import { saveSystem, system, variables, type SettingValue as Value, type SystemSettings, type Variable } from '../../api/system'
import { Resource } from '../../state/resource.svelte'
import type { Field } from './fields'

/** The input of a field. Everything except switches is text, so that a half-typed number is not changed. */
export type Typed = string | boolean

export function show(field: Field, value: Value | undefined): Typed {
  switch (field.kind) {
    case 'flag': return value === true
    case 'secret': return ''
    case 'list': return Array.isArray(value) ? value.join('\n') : ''
    case 'hue': return String(value ?? '')
    case 'number':
      return typeof value !== 'number' || (field.empty === 'unlimited' && value === -1) ? '' : String(value / (field.scale ?? 1))
    default: return typeof value === 'string' ? value : ''
  }
}

type Broken = 'number' | 'range' | 'required'

/** The value to send, or the rule that the input breaks. */
export function read(field: Field, typed: Typed): { value: Value } | { broken: Broken } {
  if (typeof typed === 'boolean') return { value: typed }
  const text = typed.trim()
  switch (field.kind) {
    case 'number': return readNumber(field, text)
    case 'hue': return { value: Number(text) }
    case 'list': return { value: text.split(field.sentences ? '\n' : /[\n,]/).map((line) => line.trim()).filter((line) => line !== '') }
    case 'secret': return { value: text === '' ? null : text }
    case 'proxy': return text === '' ? { broken: 'required' } : { value: text }
    case 'text': return field.key === 'brandText' && text === '' ? { broken: 'required' } : { value: text }
    default: return { value: text }
  }
}

function readNumber(field: Field & { kind: 'number' }, text: string): { value: Value } | { broken: Broken } {
  if (text === '' && field.empty) return { value: field.empty === 'unlimited' ? -1 : null }
  const number = Number(text)
  if (text === '' || !Number.isFinite(number)) return { broken: 'number' }
  const scaled = field.scale ? Math.round(number * field.scale) : number
  if (!field.key.includes('Money') && !Number.isInteger(scaled)) return { broken: 'number' }
  const least = field.empty === 'unlimited' ? 0 : field.min
  return scaled < least || scaled > field.max ? { broken: 'range' } : { value: scaled }
}

/** The settings of one page: stored values, unsaved changes and their errors. */
export class Draft {
  readonly settings = new Resource(system)
  readonly variables = new Resource(variables)
  #typed = $state<Record<string, Typed>>({})
  #refused = $state.raw<Record<string, string>>({})
  #busy = $state(false)

  constructor(readonly fields: readonly Field[]) {}

  get stored(): SystemSettings | null {
    return this.settings.value
  }
  get busy() {
    return this.#busy
  }

  readonly changed = $derived.by(() => this.fields.filter((field) => {
    const typed = this.#typed[field.key]
    return typed !== undefined && typed !== show(field, this.stored?.[field.key])
  }))

  get(field: Field): Typed {
    return this.#typed[field.key] ?? show(field, this.stored?.[field.key])
  }

  set(field: Field, typed: Typed): void {
    this.#typed[field.key] = typed
    if (field.key in this.#refused) this.#refused = Object.fromEntries(Object.entries(this.#refused).filter(([key]) => key !== field.key))
  }

  broken(field: Field): Broken | null {
    const typed = this.#typed[field.key]
    if (typed === undefined) return null
    const answer = read(field, typed)
    return 'broken' in answer ? answer.broken : null
  }

  /** The server's error for a field that passed the checks of the page. */
  refused(field: Field): string | null {
    return this.#refused[field.key] ?? null
  }

  /** The variable of the environment that is set for this field. Null also while it is not known. */
  variable(field: Field): Variable | null {
    return this.variables.value?.items.find((one) => one.key === field.key && one.given) ?? null
  }

  discard(): void {
    this.#typed = {}
    this.#refused = {}
  }

  /** Saves all changes or none. Returns false when fields are invalid and show an error; throws for any other refusal. */
  async save(): Promise<boolean> {
    if (this.changed.some((field) => this.broken(field) !== null)) return false
    const patch: SystemSettings = {}
    for (const field of this.changed) {
      const answer = read(field, this.get(field))
      if ('value' in answer) patch[field.key] = answer.value
    }
    return this.#send(patch)
  }

  reset(fields: readonly Field[]): Promise<boolean> {
    return this.#send(Object.fromEntries(fields.map((field) => [field.key, null])))
  }

  async #send(patch: SystemSettings): Promise<boolean> {
    this.#busy = true
    try {
      this.settings.value = await saveSystem(patch)
      this.discard()
      void this.variables.load()
      return true
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'validation_failed') throw error
      this.#refused = Object.fromEntries(Object.entries(error.errors).map(([key, rules]) => [key, rules[0] ?? error.code]))
      return false
    } finally {
      this.#busy = false
    }
  }
}
