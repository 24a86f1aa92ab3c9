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
