import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Diagrams } from '../../src/lib/markdown/diagram/diagrams'
import { drawMs, loadMs, Renderer, type Answer, type Host } from '../../src/lib/markdown/diagram/frame'
import { isPlainSvg } from '../../src/lib/markdown/diagram/svg-guard'
import { configFor } from '../../src/sandbox/config'
import { elsewhere, type DrawRequest, type Palette } from '../../src/sandbox/protocol'

const light: Palette = {
  dark: false,
  page: '#ffffff',
  raised: '#ffffff',
  sunken: '#eeeeee',
  line: '#cccccc',
  ink: '#111111',
  muted: '#666666',
  accent: '#007777',
  accentSoft: '#ddeeee',
  hues: ['#1f4e9c', '#9a4a12', '#1c6b38', '#6b2fa0'],
  grounds: ['#c8d5ea', '#ead3c4', '#c7dccd', '#dacbe8'],
  danger: '#aa0000',
  font: 'sans-serif',
}
const dark: Palette = { ...light, dark: true, page: '#111111' }
const svg = (inside = '<g/>', size = 'width="10" height="20"') => `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${inside}</svg>`

/** Frames that send only what the test makes them send. */
class FakeHost implements Host {
  readonly frames: { asked: DrawRequest[]; hear: (message: unknown) => void; removed: boolean }[] = []
  start(hear: (message: unknown) => void) {
    const frame = { asked: [] as DrawRequest[], hear, removed: false }
    this.frames.push(frame)
    return { say: (message: DrawRequest) => void frame.asked.push(message), remove: () => void (frame.removed = true) }
  }
  at(index: number) {
    const frame = this.frames[index]
    if (!frame) throw new Error(`there is no frame ${index}`)
    return frame
  }
}

describe('the frame that draws', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('is one for all diagrams, asked in turn once it is ready', async () => {
    const host = new FakeHost()
    const renderer = new Renderer(host)
    const both = [renderer.draw('a', light), renderer.draw('b', light)]
    expect(host.at(0).asked).toEqual([])
    host.at(0).hear('ready')
    expect(host.at(0).asked.map((one) => one.source)).toEqual(['a'])
    host.at(0).hear({ drawn: 1, svg: 'A' })
    expect(host.at(0).asked.map((one) => one.source)).toEqual(['a', 'b'])
    host.at(0).hear({ failed: 2, detail: 'Parse error on line 3' })
    expect(await Promise.all(both)).toEqual([{ svg: 'A' }, { failed: 'broken', detail: 'Parse error on line 3' }])
    expect(host.frames).toHaveLength(1)
  })

  it('is thrown away when it does not answer in time, and the next diagram gets a new one', async () => {
    const host = new FakeHost()
    const renderer = new Renderer(host)
    const hung = renderer.draw('hangs', light)
    const next = renderer.draw('fine', light)
    host.at(0).hear('ready')
    vi.advanceTimersByTime(drawMs - 1)
    expect(host.at(0).removed).toBe(false)
    vi.advanceTimersByTime(1)
    expect(await hung).toEqual({ failed: 'slow', detail: '' })
    expect(host.at(0).removed).toBe(true)
    host.at(1).hear({ drawn: 1, svg: 'before it was asked' })
    host.at(1).hear('ready')
    host.at(1).hear({ drawn: 1, svg: 'too late' })
    host.at(1).hear({ drawn: 2, svg: 'B' })
    expect(await next).toEqual({ svg: 'B' })
  })

  it('that never loads is told apart from a slow drawing', async () => {
    const host = new FakeHost()
    const answer = new Renderer(host).draw('a', light)
    vi.advanceTimersByTime(loadMs)
    expect(await answer).toEqual({ failed: 'unreachable', detail: '' })
    expect(host.at(0).removed).toBe(true)
  })

  it('goes when nothing was drawn for a minute', async () => {
    const host = new FakeHost()
    const renderer = new Renderer(host)
    const first = renderer.draw('a', light)
    host.at(0).hear('ready')
    host.at(0).hear({ drawn: 1, svg: 'A' })
    await first
    vi.advanceTimersByTime(60_000)
    expect(host.at(0).removed).toBe(true)
    void renderer.draw('b', light)
    expect(host.frames).toHaveLength(2)
  })

  it('is ignored when it answers what was not asked', async () => {
    const host = new FakeHost()
    const answer = new Renderer(host).draw('a', light)
    host.at(0).hear('ready')
    for (const noise of [null, 7, 'drawn', {}, { drawn: 9, svg: 'x' }, { drawn: 1 }, { drawn: 1, svg: 5 }]) host.at(0).hear(noise)
    host.at(0).hear({ drawn: 1, svg: 'A' })
    expect(await answer).toEqual({ svg: 'A' })
  })
})

describe('diagrams', () => {
  const drawing = (answer: Answer) => {
    const asked: string[] = []
    const draw = (source: string, palette: Palette) => {
      asked.push(`${source} ${palette.dark ? 'dark' : 'light'}`)
      return Promise.resolve(answer)
    }
    return { asked, diagrams: new Diagrams({ draw }) }
  }

  it('are drawn once by source and theme', async () => {
    const { asked, diagrams } = drawing({ svg: svg() })
    await Promise.all([diagrams.draw('a', light), diagrams.draw('a', light)])
    await diagrams.draw('a', dark)
    expect(await diagrams.draw('a', light)).toEqual({ svg: svg(), width: 10, height: 20 })
    expect(asked).toEqual(['a light', 'a dark'])
    expect(diagrams.known('a', dark)).toBeDefined()
    expect(diagrams.known('b', dark)).toBeUndefined()
  })

  it('are forgotten, oldest first, beyond four million characters', async () => {
    const { diagrams } = drawing({ svg: svg(`<title>${'x'.repeat(1_500_000)}</title>`) })
    for (const source of ['a', 'b']) await diagrams.draw(source, light)
    diagrams.known('a', light)
    await diagrams.draw('c', light)
    expect(['a', 'b', 'c'].map((source) => diagrams.known(source, light) !== undefined)).toEqual([true, false, true])
  })

  it('say why they are not drawn, and are retried only when the frame was unreachable', async () => {
    const cases: [Answer, string, number | null, number][] = [
      [{ failed: 'broken', detail: 'Parse error on line 12:\n…' }, 'broken', 12, 1],
      [{ failed: 'broken', detail: 'Too many edges: edge limit exceeded' }, 'tooLarge', null, 1],
      [{ failed: 'broken', detail: elsewhere }, 'unsafe', null, 1],
      [{ failed: 'slow', detail: '' }, 'slow', null, 1],
      [{ failed: 'unreachable', detail: '' }, 'unreachable', null, 2],
      [{ svg: svg('<script>1</script>') }, 'unsafe', null, 1],
      [{ svg: svg('<g/>', '') }, 'broken', null, 1],
    ]
    for (const [answer, refused, line, times] of cases) {
      const { asked, diagrams } = drawing(answer)
      await diagrams.draw('a', light)
      expect(await diagrams.draw('a', light)).toEqual({ refused, line })
      expect(asked).toHaveLength(times)
    }
  })

  it('of more than 50,000 characters are not even tried', async () => {
    const { asked, diagrams } = drawing({ svg: svg() })
    expect(await diagrams.draw('x'.repeat(50_001), light)).toEqual({ refused: 'tooLarge', line: null })
    expect(asked).toEqual([])
  })
})

describe('a drawing from the sandbox', () => {
  it('is accepted when it is a plain drawing', () => {
    for (const inside of [
      '',
      '<g id="a" class="b"><path d="M0 0"/><text style="fill: #111; stroke: url(#grad)">a &lt;script&gt; b</text></g>',
      '<style>#d1 .node { fill: red } .x::after { content: "\\201C" }</style>',
      '<a href="https://example.org"><text>x</text></a>',
      '<use xlink:href="#a"/>',
      '<image href="data:image/png;base64,AA"/>',
    ]) {
      expect(isPlainSvg(svg(inside)), inside).toBe(true)
    }
  })

  it('is refused whatever it would run or load, and in any form that is not plain', () => {
    for (const inside of [
      '<script>1</script>',
      '<SCRIPT/>',
      '<foreignObject><b/></foreignObject>',
      '<g onclick="x()"/>',
      '<g ONload="x()"/>',
      '<a href="javascript:x()"/>',
      '<a xlink:href=" javascript:x()"/>',
      '<a href="data:text/html,x"/>',
      '<image href="data:image/svg+xml,x"/>',
      '<use href="//evil.example/x"/>',
      '<path fill="url(https://evil.example/x)"/>',
      '<path style="background:url(\'//evil.example\')"/>',
      '<style>@import "x"</style>',
      '<style>a{background:url(//evil.example)}</style>',
      '<style>a{b:u\\72l(x)}</style>',
      '<!-- x -->',
      '<![CDATA[x]]>',
      '<?x?>',
      '<g a=b/>',
      "<g a='b'/>",
      '<g',
      '<iframe/>',
      '<animate attributeName="href" to="javascript:x()"/>',
      '<set/>',
      '<html:script/>',
    ]) {
      expect(isPlainSvg(svg(inside)), inside).toBe(false)
    }
    for (const whole of ['', 'x', `<!DOCTYPE svg>${svg()}`, `<html>${svg()}</html>`]) expect(isPlainSvg(whole), whole).toBe(false)
  })
})

it('fixes what a diagram may not change, at its own level and below', () => {
  const config = configFor(dark)
  expect(config).toMatchObject({
    securityLevel: 'strict',
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    maxTextSize: 50_000,
    darkMode: true,
  })
  for (const key of [
    'secure',
    'securityLevel',
    'htmlLabels',
    'maxTextSize',
    'maxEdges',
    'dompurifyConfig',
    'themeCSS',
    'themeVariables',
    'startOnLoad',
    'layout',
  ])
    expect(config.secure).toContain(key)
})
