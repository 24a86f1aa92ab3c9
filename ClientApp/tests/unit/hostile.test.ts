import type { Token } from 'marked'
import { expect, it } from 'vitest'
import { BlockStream } from '../../src/lib/lexer/blocks'
import { safeUrl } from '../../src/lib/markdown/inline'
import { payloads } from '../journeys/payloads'

const inputs = 20_000
const glue = [
  '',
  '\n',
  '\n\n',
  ' ',
  '*',
  '`',
  '[',
  ']',
  '(',
  ')',
  '<',
  '>',
  '&#',
  '\\',
  '|',
  '$',
  '!',
  '"',
  "'",
  '\t',
  '\u0000',
  '\u200b',
  '\u2028',
  '%0a',
]

/** Numerical Recipes' linear congruential generator: the same inputs at every run. */
function randomFrom(seed: number) {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function* targets(tokens: readonly Token[]): Generator<string> {
  for (const token of tokens) {
    if ('href' in token && typeof token.href === 'string') yield token.href
    if ('tokens' in token && token.tokens) yield* targets(token.tokens)
    if (token.type === 'list') for (const item of token.items as { tokens: Token[] }[]) yield* targets(item.tokens)
    if (token.type === 'table') {
      const cells = token as unknown as { header: { tokens: Token[] }[]; rows: { tokens: Token[] }[][] }
      for (const cell of [...cells.header, ...cells.rows.flat()]) yield* targets(cell.tokens)
    }
  }
}

// However the text is cut, joined and streamed, a link opens http, https or mailto, or it is not a link.
it(`keeps ${inputs} mutated inputs to links that cannot run, while they stream`, () => {
  const random = randomFrom(20260101)
  const corpus = payloads('outside.example')
  const pick = <T>(list: readonly T[]) => list[random(list.length)] as T
  let links = 0
  for (let i = 0; i < inputs; i++) {
    const one = pick(corpus)
    const two = pick(corpus)
    const cut = random(one.length)
    const text = one.slice(0, cut) + pick(glue) + two.slice(random(two.length)) + pick(glue) + one.slice(cut)
    const stream = new BlockStream()
    const step = i % 20 === 0 ? 1 : 1 + random(text.length)
    for (let end = step; end < text.length; end += step) stream.update(text.slice(0, end), false)
    for (const href of targets(stream.update(text, true))) {
      links++
      const target = safeUrl(href)
      if (target) expect(['http:', 'https:', 'mailto:']).toContain(target.protocol)
      else expect(/^(https?|mailto):/i.test(href) && !href.includes('@') && URL.canParse(href)).toBe(false)
    }
  }
  expect(links).toBeGreaterThan(inputs / 10)
}, 120_000)
