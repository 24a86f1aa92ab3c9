import type { Snippet } from 'svelte'

/** What a floating layer takes over from the button that opened it first: it opens at once and draws the button from then on. */
export interface Floating {
  trigger: Snippet
  button: { class: string; 'aria-label'?: string; title?: string; disabled?: boolean }
}
