import { getContext, setContext } from 'svelte'

interface Cited {
  url: string
  title: string
}

export type Cite = (number: number) => Cited | undefined

const key = Symbol('cite')

/** Provides the sources that `[1]` refers to in the text below. */
export const provideCite = (cite: Cite) => setContext(key, cite)
export const useCite = (): Cite => getContext<Cite | undefined>(key) ?? (() => undefined)
