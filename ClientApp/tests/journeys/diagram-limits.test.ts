import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch } from './browser'
import { drawAll, drawn, fence, flow, notByItself, offers, read, sequence, tall } from './drawings'
import { framesStopThePage } from './engines'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

it('shows the source and a reason for a diagram that is broken or too large', async () => {
  const edges = Array.from({ length: 2_000 }, (_, i) => `a${i}-->b`).join('\n')
  const v = await read(
    browser,
    [
      fence('flowchart LR\n  A --> B\n  this is ( not a diagram'),
      fence(`flowchart LR\n${edges}`),
      fence(`flowchart LR\n%% ${'x'.repeat(50_000)}`),
    ].join('\n\n'),
    tall,
  )
  const notes = v.page.locator('figure.code .note')
  await expect.poll(() => notes.allInnerTexts(), { timeout: 15_000 }).toHaveLength(3)
  if (framesStopThePage) {
    // That there are too many edges is known only once they have been read.
    expect((await notes.allInnerTexts())[1]).toBe(notByItself)
    expect(await offers(v.page).count()).toBe(1)
    await drawAll(v.page)
  }
  expect(await notes.allInnerTexts()).toEqual([
    'Shown as source: line 3 is not understood.',
    'Shown as source: larger than 50 kB or 2,000 edges.',
    'Shown as source: larger than 50 kB or 2,000 edges.',
  ])
  expect(await drawn(v.page).count()).toBe(0)
  expect(await v.page.locator('figure.code pre').count()).toBe(3)
  expect(v.complaints).toEqual([])
  await v.end()
})

// Within all limits of size, but too much to be laid out in three seconds.
const heavy =
  `flowchart LR\n${Array.from({ length: 1_900 }, (_, i) => `n${i % 61}-->n${(i * 7 + (i >> 3)) % 59}`).join('\n')}`

it.skipIf(framesStopThePage)('removes a renderer that hangs after three seconds, and draws the next one in a usable page', async () => {
  const v = await read(browser, `${fence(heavy)}\n\n${sequence}`, tall)
  await v.page.locator('iframe').waitFor({ state: 'attached' })
  const first = await v.page.locator('iframe').elementHandle()
  await v.page.getByRole('textbox', { name: 'Write a message' }).fill('still here')
  await v.page.getByText('Shown as source: drawing it took longer than 3 s.').waitFor({ timeout: 20_000 })
  expect(await first?.evaluate((frame) => frame.isConnected)).toBe(false)
  await drawn(v.page).waitFor()
  const before = await drawn(v.page).getAttribute('src')
  await v.page.emulateMedia({ colorScheme: 'dark' })
  await expect.poll(() => drawn(v.page).getAttribute('src'), { timeout: 20_000 }).not.toBe(before)
  expect(v.complaints).toEqual([])
  await v.end()
})

it.runIf(framesStopThePage)('draws what would stop the page only when asked to, and what is small by itself', async () => {
  // Some tenths of a second, and a minute.
  const middling = fence(`flowchart LR\n${Array.from({ length: 40 }, (_, i) => `n${i}-->n${i + 1}`).join('\n')}`)
  const v = await read(browser, [middling, fence(heavy), sequence].join('\n\n'), tall)
  await drawn(v.page).waitFor()
  expect(await v.page.locator('figure.code .note').allInnerTexts()).toEqual([notByItself, notByItself])
  const seconds = (await offers(v.page).allInnerTexts()).map((text) => Number(/\d+/.exec(text)?.[0]))
  expect(seconds).toHaveLength(2)
  expect(seconds[0]).toBeLessThanOrEqual(5)
  expect(seconds[1]).toBeGreaterThan(5)
  await v.page.getByRole('textbox', { name: 'Write a message' }).fill('still here')
  await offers(v.page).first().click()
  await expect.poll(() => drawn(v.page).count()).toBe(2)
  // The focus of the button, which is gone, is on the drawing.
  await expect.poll(() => v.page.evaluate(() => document.activeElement?.classList.contains('drawing'))).toBe(true)
  // In the other theme only what is small is drawn by itself again.
  const before = await drawn(v.page).last().getAttribute('src')
  await v.page.emulateMedia({ colorScheme: 'dark' })
  await expect.poll(() => drawn(v.page).last().getAttribute('src')).not.toBe(before)
  expect(await v.page.locator('figure.code .note').allInnerTexts()).toContain(notByItself)
  expect(await v.page.getByRole('textbox', { name: 'Write a message' }).inputValue()).toBe('still here')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('gives up on a frame that is ready and then silent, and ignores one that answers out of turn', async () => {
  const v = await read(browser, `${flow}\n\n${sequence}`, tall, ({ fake }) => {
    fake.state.files.set('/sandbox/diagram.html', '<!doctype html><title>x</title><script src="./silent.js"></script>')
    fake.state.files.set(
      '/sandbox/silent.js',
      "parent.postMessage({ drawn: 1, svg: '<svg width=\"9\" height=\"9\"/>' }, '*'); parent.postMessage('ready', '*')",
    )
  })
  await expect.poll(() => v.page.locator('figure.code .note').allInnerTexts(), { timeout: 20_000 })
    .toEqual(Array<string>(2).fill('Shown as source: drawing it took longer than 3 s.'))
  expect(await drawn(v.page).count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})
