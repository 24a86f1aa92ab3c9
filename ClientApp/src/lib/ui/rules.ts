import { getContext, setContext } from 'svelte'

const key = Symbol('rules')
const unchanged = (text: string): string => text

/** Sets how a field says what the server found wrong with it: the server speaks English only. */
export function provideRules(words: (text: string) => string): void {
  setContext(key, words)
}

export const useRules = (): ((text: string) => string) => getContext<((text: string) => string) | undefined>(key) ?? unchanged
