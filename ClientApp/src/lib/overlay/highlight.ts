import { placesOf } from '../browser/letters'

interface Piece {
  text: string
  hit: boolean
}

/** Splits a text where the folded words stand in it, in whatever form they are written there. */
export function highlight(text: string, words: readonly string[]): Piece[] {
  const pieces: Piece[] = []
  let end = 0
  for (const { from, to } of placesOf(text, words)) {
    if (from > end) pieces.push({ text: text.slice(end, from), hit: false })
    pieces.push({ text: text.slice(from, to), hit: true })
    end = to
  }
  if (end < text.length || pieces.length === 0) pieces.push({ text: text.slice(end), hit: false })
  return pieces
}

/** A piece of Markdown as one line of text, without the marks of headings, lists, emphasis, code and tables. */
export function asLine(markdown: string): string {
  return markdown
    .replace(/```[\w+#.-]*/g, ' ')
    .replace(/\|(?:\s*:?-{2,}:?\s*\|)+/g, ' ')
    .replace(/(^|\s)(?:(?:#{1,6}|\||\[[ xX]\]|\[!\w+\])\s+)+/g, '$1')
    .replace(/(^|\n)\s*(?:(?:>|[-*+]|\d{1,9}[.)])\s+)+(?:\[[ xX]\]\s|\[!\w+\])?/g, '$1')
    .replace(/(\*\*|~~|`)(?=\S)([^*~`]*\S)\1/g, '$2')
    .replace(/(^|[^\w*\\])\*(?=[^\s*])([^*]*[^\s*])\*(?![\w*])/g, '$1$2')
    .replace(/!?\[([^[\]]+)\]\([^()\s]+\)/g, '$1')
    .replace(/\s\|(?=\s|$)/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}
