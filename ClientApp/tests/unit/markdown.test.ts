// @vitest-environment happy-dom
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { flushSync, mount, unmount } from 'svelte'
import { afterEach, describe, expect, it } from 'vitest'
import Drawing from './Drawing.svelte'
import { shapeOf } from './shape'

// Every sample is a text as a model writes it, `name.md`, and what is drawn of it, `name.html`.
// UPDATE_CORPUS=1 writes what is drawn now, to be read before it is committed.

const folder = join(import.meta.dirname, 'corpus')
const names = readdirSync(folder).filter((file) => file.endsWith('.md')).map((file) => file.slice(0, -3))
const source = (name: string) => readFileSync(join(folder, `${name}.md`), 'utf8')

let mounted: object[] = []
afterEach(() => {
  for (const one of mounted) void unmount(one)
  mounted = []
  document.body.replaceChildren()
})

function draw(text: string, live = false) {
  const target = document.createElement('div')
  document.body.append(target)
  const drawing = mount(Drawing, { target, props: { text, live } }) as { show(text: string, live: boolean): void }
  mounted.push(drawing)
  flushSync()
  const prose = target.querySelector('.prose') as Element
  return {
    prose,
    show: (next: string, growing: boolean) => {
      drawing.show(next, growing)
      flushSync()
    },
  }
}

/** Everything of the nodes but the comments between which the component library keeps its blocks. */
const whole = (element: Element): string =>
  new XMLSerializer()
    .serializeToString(element)
    .replace(/^<div[^>]*>/, '')
    .replace(/<!--.*?-->/g, '')
    .replace(/ (?:id="[^"]*"|class="")/g, '')

describe('the corpus', () => {
  it('has at least 200 samples', () => {
    expect(names.length).toBeGreaterThanOrEqual(200)
  })

  it.each(names)('%s is drawn as intended', (name) => {
    const file = join(folder, `${name}.html`)
    const drawn = shapeOf(draw(source(name)).prose)
    if (process.env['UPDATE_CORPUS'] || !existsSync(file)) {
      expect(process.env['UPDATE_CORPUS'], 'no intended drawing').toBeDefined()
      writeFileSync(file, drawn)
    }
    expect(drawn).toBe(readFileSync(file, 'utf8'))
  })
})

const cuts = 20

const unread = /^(?:notes|copy|fold|alert-title|copied)\b/

/** What a reader sees, without blanks and without the notes below the text. */
function seen(node: Node): string {
  if (node.nodeType === 3) return (node.textContent ?? '').replace(/[\s\u2060]+/g, '')
  if (node.nodeType !== 1 || node.nodeName === 'FIGCAPTION' || unread.test((node as Element).className)) return ''
  return [...node.childNodes].map(seen).join('')
}

/** Texts in which a mark never gets its end, or that mean something else only later: there a frame may show what the end does not. */
const undecided = new Set([
  'en-footnote-star', 'en-glob', 'en-pointer', 'en-intraword', 'zh-kwargs', 'zh-bold-broken-space', 'zh-bold-unclosed', 'mix-only-marks',
  'en-html-table-odd', 'en-html-unclosed', 'en-link-empty', 'en-not-a-table', 'zh-table-no-edges', 'zh-table-lone-marks',
  'en-ref-in-list', 'en-ref-links', 'en-ref-missing', 'zh-ref-link', 'zh-footnote-undefined', 'en-emphasis-underscore', 'en-strikethrough',
  'en-emphasis-unbalanced', 'en-escapes',
])

describe('a text that grows', () => {
  it.each(names)('%s is drawn at the end as at once, and never shows what it will not be', (name) => {
    const text = source(name)
    const atOnce = draw(text).prose
    const growing = draw('', true)
    const final = seen(atOnce)
    const wrong: string[] = []
    for (let cut = 1; cut <= cuts; cut++) {
      const part = text.slice(0, Math.round((text.length * cut) / cuts))
      growing.show(part, true)
      const frame = seen(growing.prose)
      if (!final.startsWith(frame)) wrong.push(`${JSON.stringify(part.slice(-40))} shows ${JSON.stringify(frame.slice(-60))}`)
    }
    growing.show(text, false)
    expect(whole(growing.prose)).toBe(whole(atOnce))
    if (!undecided.has(name)) expect(wrong).toEqual([])
  })
})

describe('an unfinished text', () => {
  it.each([
    ['**bold te', 'bold te', 'strong'],
    ['This is **bold text*', 'This is bold text', 'strong'],
    ['my name is **', 'my name is', ''],
    ['- item\n - ', 'item', 'ul'],
    ['- item\n-', 'item', 'ul'],
    ['- **[start.sh](https://exam', 'start.sh', 'strong .link'],
    ['See [the doc](https://exa', 'See the doc', '.link'],
    ['See [the d', 'See', ''],
    ['Run `npm ins', 'Run npm ins', 'code'],
    ['So $x^2 + y', 'So', ''],
    ['So\n\n$$\n\\frac{1', 'So', ''],
    ['Text\n\n| a | b |\n|--', 'Text a b', 'th'],
    ['Text\n\n| a | b', 'Text', ''],
    ['Text\n\n``', 'Text', ''],
    ['```js\nlet a\n``', 'let a', 'pre'],
    ['Title\n--', 'Title', 'p'],
    ['1', '', ''],
    ['~~gon', 'gon', 'del'],
    ['Press <kbd>Ct', 'Press Ct', 'kbd'],
    ['> [!NO', '', ''],
    ['Fish &am', 'Fish', ''],
    ['![alt](https://exam', '', ''],
  ])('%j shows %j', (text, visible, selector) => {
    const { prose } = draw(text, true)
    const shown = [...prose.querySelectorAll('p, li, th, h3, pre code')]
      .filter((node) => node.children.length === 0 || !node.querySelector('p, li'))
      .map((node) => node.textContent?.trim())
    expect(shown.filter(Boolean).join(' ')).toBe(visible)
    if (selector !== '') expect(prose.querySelector(selector)).not.toBeNull()
  })
})
