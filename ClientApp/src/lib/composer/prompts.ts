import type { Prompt } from '../api/prompts'

/** What stands after a slash that begins the message; null when the message is something else. */
export function slashOf(text: string): string | null {
  return /^\/([a-z0-9-]{0,40})$/.exec(text)?.[1] ?? null
}

/** By name first, then by words of the title. */
export function matching(prompts: readonly Prompt[], typed: string): Prompt[] {
  const starts = prompts.filter((prompt) => prompt.name.startsWith(typed))
  const within = prompts.filter((prompt) => !prompt.name.startsWith(typed) && `${prompt.name} ${prompt.title}`.toLowerCase().includes(typed))
  return [...starts, ...within]
}

/** Puts what was asked for in the place of the words in braces; what was left empty stays as it is. */
export function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{\{([\p{L}\p{N}_-]{1,40})\}\}/gu, (whole, name: string) => values[name] || whole)
}
