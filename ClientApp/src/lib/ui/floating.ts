import type { Snippet } from 'svelte'

/** Passed to a floating layer from the button that loaded it. The layer opens at once and renders the button from then on. */
export interface Floating {
  trigger: Snippet
  button: { class: string; 'aria-label'?: string; title?: string; disabled?: boolean }
}
