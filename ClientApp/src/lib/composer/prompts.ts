import type { Prompt } from '../api/prompts'
import { fold } from '../browser/letters'

/** The text after a leading slash; null when the message does not begin with one. */
export function slashOf(text: string): string | null {
  return /^\/([a-z0-9-]{0,40})$/.exec(text)?.[1] ?? null
}

/** Matches by name first, then by words of the title. */
export function matching(prompts: readonly Prompt[], typed: string): Prompt[] {
  const starts = prompts.filter((prompt) => prompt.name.startsWith(typed))
  const within = prompts.filter(
    (prompt) => !prompt.name.startsWith(typed) && fold(`${prompt.name} ${prompt.title}`).includes(typed),
  )
  return [...starts, ...within]
}

/** Replaces the variables in braces by their values; a variable without a value stays. */
export function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{\{([\p{L}\p{N}_-]{1,40})\}\}/gu, (whole, name: string) => values[name] || whole)
}
