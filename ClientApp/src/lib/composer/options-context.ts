import { getContext, setContext } from 'svelte'
import type { Composing } from '../state/composing.svelte'

const key = Symbol('options')

interface Shared {
  composing: Composing
  onsetup: () => void
}

/** The panel is loaded when it is first opened; this is how it reaches the message it is for. */
export const provideOptions = (shared: () => Shared) => setContext(key, shared)
export const useOptions = () => getContext<() => Shared>(key)
