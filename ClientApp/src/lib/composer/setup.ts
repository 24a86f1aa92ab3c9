import type { Parameters } from '../api/types'

/** Converts the input of number fields to parameters; an empty field leaves the choice to the provider. */
export function parametersOf(fields: Readonly<Record<keyof Parameters, string | number | null>>): Parameters | null {
  const entries = Object.entries(fields).flatMap(([name, value]) => {
    const number = typeof value === 'number' ? value : Number.parseFloat(value ?? '')
    return Number.isFinite(number) ? [[name, number] as const] : []
  })
  return entries.length === 0 ? null : Object.fromEntries(entries)
}
