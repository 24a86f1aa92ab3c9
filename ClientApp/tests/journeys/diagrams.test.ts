import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findings } from './axe'
import { launch, visit } from './browser'
import { drawAll, drawn, fence, flow, read, saved, sequence } from './drawings'
import { framesStopThePage } from './engines'

let browser: Browser
const canarySaw: string[] = []
const red = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAACgAAAAUCAIAAABwJOjsAAAAJElEQVR42mM44GAwIIhh1OJRi0ctHrV41OJRi0ctHrV45FgMAA63ti495MSTAAAAAElFTkSuQmCC',
  'base64',
)
// Another origin, which a leak would reach.
const canary = createServer((request, response) => {
  canarySaw.push(`${request.url} ${request.headers.referer ?? 'no referrer'}`)
  if (request.url?.endsWith('.png')) response.writeHead(200, { 'Content-Type': 'image/png' }).end(red)
  else response.writeHead(404).end()
})
const elsewhere = () => `127.0.0.1:${(canary.address() as AddressInfo).port}`

beforeAll(async () => {
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve))
  browser = await launch()
})
afterAll(async () => {
  await browser.close()
  canary.close()
})

const pictures = process.env['PICTURES']

for (const colorScheme of ['light', 'dark'] as const) {
  for (const device of [
    { viewport: { width: 1280, height: 900 } },
    { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  ]) {
    it(`draws finished diagrams, ${colorScheme}, ${device.viewport.width} px, and axe finds nothing`, async () => {
      const v = await read(browser, `A flow:\n\n${flow}\n\nA sequence:\n\n${sequence}\n\n![A cat](http://${elsewhere()}/cat.png)`, {
        colorScheme,
        ...device,
      })
      await drawn(v.page).first().waitFor()
      await expect.poll(() => drawn(v.page).count()).toBe(2)
      expect(await drawn(v.page).first().getAttribute('alt')).toBe('Diagram: How an answer is made')
      expect(
        await drawn(v.page).evaluateAll((all) => Promise.all(all.map((one) => (one as HTMLImageElement).decode().then(() => true)))),
      ).toEqual([true, true])
      expect(await v.page.locator('iframe').count()).toBe(1)
      expect(await v.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
      if (pictures) await v.page.screenshot({ path: `${pictures}/diagram-${colorScheme}-${device.viewport.width}.png` })
      expect(await findings(v.page)).toEqual([])
      await v.page.getByRole('button', { name: 'Show the diagram large' }).first().click()
      await v.page.getByRole('dialog').getByRole('img').waitFor()
      if (pictures) await v.page.screenshot({ path: `${pictures}/large-${colorScheme}-${device.viewport.width}.png` })
      await v.page.keyboard.press('Escape')
      await v.page.getByRole('dialog').waitFor({ state: 'detached' })
      expect(v.complaints).toEqual([])
      expect(v.foreign).toEqual([])
      await v.end()
    })
  }
}

it('shows code while the answer is written, and the source, a file and the other theme when asked', async () => {
  const v = await visit(browser, { tokenMs: 60 })
  v.fake.state.say = `${flow}\n\nThat is all.`
  await v.page.goto(v.fake.url)
  await v.page.getByRole('textbox', { name: 'Write a message' }).fill('Draw it')
  await v.page.keyboard.press('Enter')
  await v.page.locator('article[aria-busy=true] pre', { hasText: 'Allowed?' }).waitFor()
  expect(await v.page.locator('iframe').count()).toBe(0)
  await drawn(v.page).waitFor()
  const source = () => drawn(v.page).evaluate((image: HTMLImageElement) => image.src)
  const before = await source()
  await v.page.emulateMedia({ colorScheme: 'dark' })
  await expect.poll(source).not.toBe(before)
  await v.page.getByRole('button', { name: 'Source' }).click()
  expect(await v.page.locator('figure.code pre').innerText()).toContain('B{Allowed?}')
  await v.page.getByRole('button', { name: 'Source' }).click()
  const file = await saved(v.page, () => v.page.getByRole('button', { name: 'Save the diagram as SVG' }).click())
  expect(file).toMatch(/^<svg[^>]+xmlns="http:\/\/www.w3.org\/2000\/svg"/)
  for (const label of ['Question', 'Allowed?', 'Refused']) expect(file).toContain(label)
  expect(file).not.toContain('foreignObject')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('runs nothing and fetches nothing, whatever a diagram says', async () => {
  const evil = `http://${elsewhere()}`
  const hostile = [
    `%%{init: {"securityLevel":"loose","htmlLabels":true,"flowchart":{"htmlLabels":true},"maxTextSize":9999999,"secure":[]}}%%\n` +
      `flowchart LR\n  A["<img src=${evil}/a onerror=parent.postMessage('pwned','*')>"] --> B`,
    `%%{init: {"themeCSS":"* { background: url(${evil}/b) } @import url(${evil}/c)",` +
      `"fontFamily":"x;} @import '${evil}/d';"}}%%\nflowchart LR\n  A --> B`,
    `---\nconfig:\n  securityLevel: loose\n  htmlLabels: true\n  layout: elk\n---\n` +
      `flowchart LR\n  A["<iframe src=${evil}/e></iframe>"] --> B["<svg onload=alert(1)>"]`,
    `flowchart LR\n  A --> B\n  click A "javascript:alert(1)"\n  click B href "javascript:alert(2)" _self`,
    'flowchart LR\n  A --> B\n  click A call alert(1)',
    'flowchart LR\n  A["<foreignObject><script>alert(1)</script></foreignObject>"] --> B["<script>alert(2)</script>"]',
    `flowchart LR\n  A["$$\\\\href{javascript:alert(1)}{x}\\\\includegraphics{${evil}/f}$$"] --> B`,
    `sequenceDiagram\n  A->>B: $$x^2<img src=${evil}/g onerror=alert(1)>$$\n  link A: x @ javascript:alert(1)`,
    `flowchart LR\n  A --> B\n  style A fill:url(${evil}/h),background:url(${evil}/i)\n  classDef c fill:url(${evil}/j)\n  class B c`,
    'classDiagram\n  class A["<img src=x onerror=alert(1)>"]\n  click A href "javascript:alert(1)"',
    'gantt\n  title <img src=x onerror=alert(1)>\n  section s\n  t :a, 2026-01-01, 1d\n  click a href "javascript:alert(1)"',
    `flowchart LR\n  A@{ img: "${evil}/k.png", label: "x", w: 60, h: 60 } --> B`,
    `C4Context\n  Person(a, "A", $sprite="${evil}/l.png")\n  System(b, "B", $sprite="img:${evil}/m.png")\n  Rel(a, b, "x")`,
    'stateDiagram-v2\n  s : <img src=x onerror=alert(1)>\n  [*] --> s',
    'pie title <script>alert(1)</script>\n  "<img src=x onerror=alert(1)>" : 1',
    'mindmap\n  root["<img src=x onerror=alert(1)>"]\n    child',
    `flowchart LR\n${'  a --> b\n'.repeat(1_200)}  ${'%'.repeat(2)}${' x'.repeat(18_000)}`,
  ]
  const v = await read(browser, hostile.map(fence).join('\n\n'), { viewport: { width: 1280, height: 20_000 } }, ({ context }) =>
    context.addInitScript(() => {
      const made: Promise<string>[] = []
      Object.assign(window, { made })
      const create = URL.createObjectURL.bind(URL)
      URL.createObjectURL = (blob: Blob) => {
        made.push(blob.text())
        return create(blob)
      }
    }),
  )
  const dialogs: string[] = []
  v.page.on('dialog', (dialog) => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  const settled = () =>
    v.page.locator('.diagram').evaluateAll((all) => all.filter((one) => one.querySelector('.drawing img, .note')).length)
  await expect.poll(settled, { timeout: 50_000 }).toBe(hostile.length)
  if (framesStopThePage) await drawAll(v.page)
  expect(await drawn(v.page).count()).toBeGreaterThan(hostile.length / 2)
  // A script in the image does not run; nor may one in a saved file.
  const svgs = await v.page.evaluate(() => Promise.all((window as unknown as { made: Promise<string>[] }).made))
  expect(svgs).toHaveLength(await drawn(v.page).count())
  for (const svg of svgs) expect(svg).not.toMatch(/<script|<foreignObject|<iframe|<img|\son\w+="|href="javascript/i)
  expect(dialogs).toEqual([])
  expect(v.foreign).toEqual([])
  expect(canarySaw).toEqual([])
  expect(v.complaints).toEqual([])
  await v.end()
}, 300_000)

it('loads an image of another site only after a click, and without a referrer', async () => {
  const host = elsewhere()
  const v = await read(
    browser,
    `Look: ![A cat](http://${host}/cat.png) and [![linked](http://${host}/linked.png)](https://example.org/) and ![](http://${host}/gone)`,
  )
  const chip = v.page.getByRole('button', { name: 'A cat Load image from 127.0.0.1' })
  await chip.waitFor()
  expect(await v.page.getByRole('link', { name: 'linked' }).getAttribute('href')).toBe('https://example.org/')
  expect(await v.page.locator('a button').count()).toBe(0)
  expect(await findings(v.page)).toEqual([])
  expect(canarySaw).toEqual([])
  expect(v.foreign).toEqual([])
  await chip.focus()
  await v.page.keyboard.press('Enter')
  await v.page.locator('.about', { hasText: /^Image from 127/ }).waitFor()
  expect(canarySaw).toEqual(['/cat.png no referrer'])
  const frame = v.page.locator('iframe[title="A cat"]')
  expect(await frame.getAttribute('sandbox')).toBe('allow-scripts')
  expect([await frame.getAttribute('width'), await frame.getAttribute('height')]).toEqual(['40', '20'])
  expect(await v.page.evaluate(() => document.activeElement?.className)).toBe('remote-shown')
  await v.page.getByRole('button', { name: 'Load image from 127.0.0.1' }).last().click()
  await v.page.getByText('The image from 127.0.0.1 could not be loaded.').waitFor()
  expect(await v.page.getByRole('link', { name: 'Open it in a new tab' }).last().getAttribute('href')).toBe(`http://${host}/gone`)
  expect(await findings(v.page)).toEqual([])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('keeps the diagram scripts out of the first page and out of the offline cache', async () => {
  const v = await visit(browser)
  const asked: string[] = []
  v.context.on('request', (request) => asked.push(request.url()))
  await v.page.goto(v.fake.url)
  await v.page.getByRole('heading', { name: /Hello/ }).waitFor()
  const worker = await (await v.context.request.get(`${v.fake.url}/sw.js`)).text()
  expect(worker).toContain('./assets/index-')
  expect(worker).not.toMatch(/sandbox|[Dd]iagram/)
  expect(asked.filter((url) => /sandbox|[Dd]iagram|mermaid/.test(url))).toEqual([])
  await v.end()
})

it('draws all texts of every kind in one size, and never scales them', async () => {
  const kinds = [
    sequence,
    fence('gantt\n title A plan\n dateFormat YYYY-MM-DD\n section One\n Task A :a1, 2026-01-01, 5d'),
    fence('quadrantChart\n title Reach\n x-axis Low --> High\n y-axis Bad --> Good\n quadrant-1 Expand\n A: [0.3, 0.6]'),
    fence('timeline\n title History\n 2002 : One\n 2004 : Two'),
    fence('journey\n title My day\n section Work\n Tea: 5: Me\n Code: 3: Me'),
  ]
  const v = await read(browser, kinds.join('\n\nAnd:\n\n'))
  const { page } = v
  const blank = await v.context.newPage()
  for (const at of kinds.keys()) {
    await page.locator('.diagram').nth(at).scrollIntoViewIfNeeded()
    await drawAll(page)
    const image = page.locator('.diagram').nth(at).locator('.drawing img')
    await image.waitFor()
    expect(await image.evaluate((one: HTMLImageElement) => Math.abs(one.getBoundingClientRect().width - one.naturalWidth))).toBeLessThan(1)
    const save = page.locator('.diagram').nth(at).getByRole('button', { name: 'Save the diagram' })
    await blank.setContent(await saved(page, () => save.click()))
    const sizes = await blank.evaluate(() =>
      [...document.querySelectorAll('text, tspan')].filter((one) => one.textContent !== '').map((one) => getComputedStyle(one).fontSize),
    )
    expect(new Set(sizes), kinds[at]).toEqual(new Set(['14px']))
  }
  expect(v.complaints).toEqual([])
  await v.end()
})
