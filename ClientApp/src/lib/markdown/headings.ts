import type { Token, Tokens } from 'marked'

// Levels 1 and 2 are taken by the page's title and the author of an answer.
const first = 3

/** Levels for the headings of an answer: its first heading gets the top level, and no level is skipped below it. */
export function headingLevels(tokens: readonly Token[]): Map<Token, number> {
  const headings = tokens.filter((token): token is Tokens.Heading => token.type === 'heading')
  const top = Math.min(...headings.map((heading) => heading.depth))
  const levels = new Map<Token, number>()
  let before = first - 1
  for (const heading of headings) {
    before = Math.min(before + 1, first + heading.depth - top, 6)
    levels.set(heading, before)
  }
  return levels
}
