import { getContext, setContext } from 'svelte'

export interface Cited {
  url: string
  title: string
}

export type Cite = (number: number) => Cited | undefined

const key = Symbol('cite')

/** What `[1]` stands for in the text below. */
export const provideCite = (cite: Cite) => setContext(key, cite)
export const useCite = (): Cite => getContext<Cite | undefined>(key) ?? (() => undefined)
