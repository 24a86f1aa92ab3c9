import type { Token } from 'marked'
import { describe, expect, it } from 'vitest'
import { headingLevels } from '../../src/lib/markdown/headings'
import { BlockStream, readAhead } from '../../src/lib/lexer/blocks'
import { answer } from '../fake/answer.mjs'

const tricky = [
  '- a\n\n- b\n\n  more of b\n- c\n\nend',
  '1. one\n   - two\n\n     deep\n2. three\n\nText\n\n    indented code\n\nText',
  'Title\n=====\n\nPara one\npara two\n\n---\n\nx',
  '| a | b |\n|---|---|\n| 1 | 2 |\n\nafter\n\n```js\nlet x = 1\n\n\nlet y\n```\n\ndone',
  '> quote\n> more\n\n> second\n\n$$\nx = 1\n$$\n\n\\[ y \\]\n\n\\begin{align}\na &= b\\\\\nc &= d\n\\end{align}\n\nend',
  'See [docs][1].\n\n[1]: https://example.com\n\nAgain [docs][1].\n\nlast',
  '<details>\n<summary>x</summary>\n\ntext\n\n</details>\n\nend\r\nwith\r\n\r\ncarriage returns',
]

const shape = (tokens: Token[]) => tokens.map((token) => [token.type, token.raw.trimEnd()])

describe('BlockStream', () => {
  for (const [index, text] of [answer, ...tricky].entries()) {
    it(`gives the same blocks character by character as at once (${index})`, () => {
      const whole = shape(new BlockStream().update(text, true))
      const stream = new BlockStream()
      for (let end = 1; end < text.length; end++) stream.update(text.slice(0, end), false)
      expect(shape(stream.update(text, true))).toEqual(whole)
    })
  }

  it('uses what was lexed ahead once, and for that text only', async () => {
    const text = `${answer}\r\n\r\nend`
    const whole = shape(new BlockStream().update(text, true))
    await readAhead(text)
    expect(shape(new BlockStream().update('another', true))).toEqual([['paragraph', 'another']])
    const first = new BlockStream().update(text, true)
    expect(shape(first)).toEqual(whole)
    expect(first).toEqual(new BlockStream().update(text, true))
    expect(new BlockStream().update(text, true)[0]).not.toBe(first[0])
  })

  it('keeps the very same tokens for blocks that are finished', () => {
    const stream = new BlockStream()
    const before = stream.update('# A\n\none\n\ntwo\n\nthree', false)
    const after = stream.update('# A\n\none\n\ntwo\n\nthree and more', false)
    expect(after[0]).toBe(before[0])
    expect(after[1]).toBe(before[1])
  })

  it('starts over when the text is replaced', () => {
    const stream = new BlockStream()
    stream.update('# A\n\none\n\ntwo\n\nthree', false)
    expect(shape(stream.update('other', false))).toEqual([['paragraph', 'other']])
  })
})

describe('mathematics', () => {
  const formulas = (text: string) => {
    const found: string[] = []
    const walk = (tokens: Token[]) => {
      for (const token of tokens) {
        if (token.type === 'math' || token.type === 'mathBlock') found.push(String((token as { tex?: string }).tex))
        if ('tokens' in token && token.tokens) walk(token.tokens)
        if (token.type === 'list') for (const item of (token as unknown as { items: { tokens: Token[] }[] }).items) walk(item.tokens)
      }
    }
    walk(new BlockStream().update(text, true))
    return found
  }

  it('is found in every notation', () => {
    expect(formulas('a $x^2$ b \\(y\\) c $n$')).toEqual(['x^2', 'y', 'n'])
    expect(formulas('$$\na+b\n$$')).toEqual(['a+b'])
    expect(formulas('\\[\nc\n\\]')).toEqual(['c'])
    expect(formulas('- item $\\ce{H2O}$')).toEqual(['\\ce{H2O}'])
    expect(formulas('\\begin{pmatrix}1\\end{pmatrix}')).toEqual(['\\begin{pmatrix}1\\end{pmatrix}'])
    expect(formulas('Water, \\ce{2 H2 + O2 -> 2 H2O}, weighs \\pu{18 g//mol} or \\ce{^{18}_{8}O}.')).toEqual([
      '\\ce{2 H2 + O2 -> 2 H2O}',
      '\\pu{18 g//mol}',
      '\\ce{^{18}_{8}O}',
    ])
  })

  it('is never seen in prices, code and shell variables', () => {
    for (const text of [
      'It costs $5 and $10.',
      'US$5, HK$7 and 5$ more',
      '`$(a) and $b$`',
      '```sh\necho $a $b\n```',
      'from $5-$10 a month',
      '$5 for one, 3$ for two',
      'echo $HOME and $PATH here',
      '$5,000–$6,000',
      'from $1.5M, or $2M',
      '**$5** or **$10**',
      '| a | b |\n|---|---|\n| $5 | $10 |',
      '$20/mo vs. $30/mo',
      '($5)($6)',
      '`\\ce{H2O}` and `\\(x\\)`',
      '```\n$$x$$\n\\ce{H2O}\n```',
      '    $$indented$$',
    ]) {
      expect(formulas(text), text).toEqual([])
    }
  })
})

describe('headings', () => {
  const levels = (text: string) => [...headingLevels(new BlockStream().update(text, true)).values()]

  it('begin under the author and leave no level out', () => {
    expect(levels('## a\n\n### b\n\n## c')).toEqual([3, 4, 3])
    expect(levels('# a\n\n#### b\n\n##### c')).toEqual([3, 4, 5])
    expect(levels('### a\n\n# b')).toEqual([3, 3])
  })
})
