import type { Token, Tokens } from 'marked'

// The page has its title (1) and each answer its author (2).
const first = 3

/** Levels for the headings of an answer: whatever it begins with is the first, and none is left out on the way down. */
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
