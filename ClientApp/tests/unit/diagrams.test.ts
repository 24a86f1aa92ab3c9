import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Diagrams } from '../../src/lib/markdown/diagram/diagrams'
import { costOf } from '../../src/lib/markdown/diagram/cost'
import { drawMs, loadMs, readyMs, Renderer, type Answer, type Host } from '../../src/lib/markdown/diagram/frame'
import { isPlainSvg } from '../../src/lib/markdown/diagram/svg-guard'
import { configFor } from '../../src/sandbox/config'
import { elsewhere, type BusyRequest, type DrawRequest, type Palette } from '../../src/sandbox/protocol'

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
  readonly frames: { asked: DrawRequest[]; looked: number; hear: (message: unknown) => void; loaded: () => void; removed: boolean }[] = []
  start(hear: (message: unknown) => void, loaded: () => void) {
    const frame = { asked: [] as DrawRequest[], looked: 0, hear, loaded, removed: false }
    this.frames.push(frame)
    const say = (message: BusyRequest | DrawRequest) => {
      if ('draw' in message) frame.asked.push(message)
      else frame.looked++
    }
    return { say, remove: () => void (frame.removed = true) }
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

  it('that has loaded and is not ready is given up soon, for all that wait', async () => {
    const host = new FakeHost()
    const renderer = new Renderer(host)
    const all = ['a', 'b', 'c'].map((source) => renderer.draw(source, light))
    vi.advanceTimersByTime(1_000)
    host.at(0).loaded()
    vi.advanceTimersByTime(readyMs)
    expect(await Promise.all(all)).toEqual(Array(3).fill({ failed: 'unreachable', detail: '' }))
    expect(host.frames).toHaveLength(1)
    // Another try is another frame, and one that is ready before it has loaded is not given up.
    const again = renderer.draw('a', light)
    host.at(1).hear('ready')
    host.at(1).loaded()
    vi.advanceTimersByTime(readyMs - 500)
    host.at(1).hear({ drawn: 1, svg: 'A' })
    expect(await again).toEqual({ svg: 'A' })
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

describe('the thread of the page', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())
  const small = 'flowchart LR\n  a --> b'
  const large = `flowchart LR\n${Array.from({ length: 300 }, (_, at) => `n${at} --> m${at}`).join('\n')}`

  /** A frame is busy, as often as it is asked to, and nothing else runs meanwhile. */
  function standStill(host: FakeHost) {
    const frame = host.at(0)
    for (let looked = -1; looked < frame.looked;) {
      looked = frame.looked
      const from = Date.now()
      vi.setSystemTime(from + 50)
      frame.hear({ busy: [from, from + 50] })
      frame.hear('ready')
      vi.advanceTimersByTime(30)
    }
  }

  it('is not stopped by what is large, but when it is asked for', async () => {
    const host = new FakeHost()
    const renderer = new Renderer(host)
    const [first, second] = [renderer.draw(large, light), renderer.draw(small, light)]
    standStill(host)
    expect(host.at(0).looked).toBe(2)
    expect(await first).toMatchObject({ failed: 'dear', ms: costOf(large) })
    expect(host.at(0).asked.map((one) => one.source)).toEqual([small])
    host.at(0).hear({ drawn: 1, svg: 'S' })
    expect(await second).toEqual({ svg: 'S' })
    const asked = renderer.draw(large, light, true)
    vi.advanceTimersByTime(20 * drawMs)
    host.at(0).hear({ drawn: 2, svg: 'L' })
    expect(await asked).toEqual({ svg: 'L' })
  })

  it('is left alone by a frame that has its own, which draws everything', async () => {
    const host = new FakeHost()
    const drawn = new Renderer(host).draw(large, light)
    const from = Date.now()
    vi.advanceTimersByTime(50)
    host.at(0).hear({ busy: [from, Date.now()] })
    host.at(0).hear('ready')
    host.at(0).hear({ drawn: 1, svg: 'L' })
    expect(await drawn).toEqual({ svg: 'L' })
  })

  it('is looked at again when it stood still, for it may have been busy itself', async () => {
    const host = new FakeHost()
    const drawn = new Renderer(host).draw(large, light)
    const from = Date.now()
    vi.setSystemTime(from + 50) // nothing ran meanwhile
    host.at(0).hear({ busy: [from, from + 50] })
    host.at(0).hear('ready')
    expect(host.at(0)).toMatchObject({ asked: [], looked: 0 })
    vi.advanceTimersByTime(30) // the page runs again
    expect(host.at(0)).toMatchObject({ asked: [], looked: 1 })
    vi.advanceTimersByTime(50)
    host.at(0).hear({ busy: [from + 80, from + 130] })
    host.at(0).hear('ready')
    host.at(0).hear({ drawn: 1, svg: 'L' })
    expect(await drawn).toEqual({ svg: 'L' })
  })

  it('learns how fast this machine is', async () => {
    const host = new FakeHost()
    const renderer = new Renderer(host)
    const middling = `flowchart LR\n${'  a --> b\n'.repeat(30)}`
    let number = 0
    const draw = async (source: string, ms: number) => {
      const answer = renderer.draw(source, light)
      if (number === 0) standStill(host)
      vi.advanceTimersByTime(ms)
      host.at(0).hear({ drawn: ++number, svg: 'S' })
      return answer
    }
    expect(await draw(small, 200)).toEqual({ svg: 'S' }) // the first one is slow everywhere
    expect(await renderer.draw(middling, light)).toMatchObject({ failed: 'dear' })
    for (let turn = 0; turn < 4; turn++) await draw(small, 10)
    expect(await draw(middling, 60)).toEqual({ svg: 'S' })
    for (let turn = 0; turn < 4; turn++) await draw(small, 600)
    expect(await renderer.draw(small, light)).toMatchObject({ failed: 'dear' })
  })

  it('is not stopped by a short text that means much work', () => {
    for (const source of [
      'gantt\n  dateFormat YYYY-MM-DD\n  excludes weekends\n  a :2026-01-01, 1d',
      'gantt\n  tickInterval 1millisecond\n  a :2026-01-01, 1d',
      'gantt\n  section A\n  One :a, 2026-08-01, 2026-08-05\n  Two :b, 202608-01, 2d',
      'packet-beta\n  0-9999: "x"',
      'block-beta\n  columns 9000\n  space:9000 a',
      'radar-beta\n  axis a, b\n  ticks 100000',
      '%%{init: {"gantt": {"barHeight": 100000}}}%%\ngantt\n  a :2026-01-01, 1d',
      '---\nconfig:\n  packet:\n    bitsPerRow: 9999\n---\npacket-beta\n  0-7: "x"',
    ])
      expect(costOf(source), source).toBe(Infinity)
    const dense = `flowchart LR\n  ${'abcdefghij'.split('').join(' & ')} --> ${'klmnopqrst'.split('').join(' & ')}`
    expect(costOf(dense)).toBeGreaterThan(500)
    expect(costOf(`flowchart LR\n  ${Array.from({ length: 100 }, (_, at) => `n${at}`).join('-->')}`)).toBeGreaterThan(500)
    expect(costOf(`flowchart LR; ${'a-->b;'.repeat(100)}`)).toBeGreaterThan(500)
    expect(costOf('what nobody knows\n  a\n  b 1000')).toBe(Infinity)
  })

  it('draws what people write by itself', () => {
    for (const source of [
      'flowchart TD\n  A[Start] --> B{Ready?}\n  B -->|yes| C[Go]\n  B -->|no| D[Wait]\n  D --> B',
      'sequenceDiagram\n  participant A\n  participant B\n  A->>B: Hello\n  B-->>A: Hi\n  A->>B: How are you in 2026?',
      '---\ntitle: Pets in 2026\n---\npie\n  "Dogs" : 386\n  "Cats" : 8500',
      "%%{init: {'theme': 'dark'}}%%\nflowchart LR\n  a --> b",
      'gantt\n  title Plan\n  dateFormat YYYY-MM-DD\n  section One\n  Design :a1, 2026-01-01, 30d\n  Build :after a1, 20d',
      'xychart-beta\n  x-axis [jan, feb]\n  y-axis "EUR" 4000 --> 11000\n  bar [5000, 6000]',
      'timeline\n  title History\n  2002 : LinkedIn\n  2004 : Facebook : Google',
    ])
      expect(costOf(source), source).toBeLessThan(150)
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
