interface Piece {
  text: string
  hit: boolean
}

export const wordsOf = (query: string): string[] => query.toLowerCase().split(/\s+/).filter((word) => word !== '')

/** Splits a text at the searched words, ignoring case. */
export function highlight(text: string, words: readonly string[]): Piece[] {
  const patterns = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  if (patterns.length === 0) return [{ text, hit: false }]
  return text
    .split(new RegExp(`(${patterns.join('|')})`, 'gi'))
    .flatMap((part, at) => (part === '' ? [] : [{ text: part, hit: at % 2 === 1 }]))
}
