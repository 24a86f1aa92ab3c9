import { readdirSync, readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { answer } from '../fake/answer.mjs'
import { engine, launch } from './browser'
import { drawn, fence, flow, read, sequence } from './drawings'
import { framesStopThePage } from './engines'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

/** The processes in which pages run; a page and its frames share the main thread of one. */
const names = engine === 'webkit' ? /^WebKitWebProces/ : /^(?:Isolated Web|Web Content|file:)/
function pages(): string[] {
  return readdirSync('/proc').filter((entry) => {
    try {
      return /^\d+$/.test(entry) && names.test(readFileSync(`/proc/${entry}/comm`, 'utf8'))
    } catch {
      return false // it has ended meanwhile
    }
  })
}

/** The milliseconds that the main thread has run: unlike the clock they leave out what else the machine does. */
function ran(process: string): number {
  try {
    return Number(readFileSync(`/proc/${process}/task/${process}/schedstat`, 'utf8').split(' ')[0]) / 1e6
  } catch {
    return 0
  }
}

/** Notes when the page stood still for more than 60 ms. */
const watch = (page: Page) => page.evaluate(() => {
  const gaps: [from: number, to: number][] = []
  Object.assign(window, { gaps })
  let last = Date.now()
  setInterval(() => {
    const now = Date.now()
    if (now - last > 60) gaps.push([last, now])
    last = now
  }, 10)
})

const long = Array.from({ length: 30 }, (_, i) => `Part ${i}\n\n${answer.replaceAll('slot', `slot${i}`)}`).join('\n\n')
const pie = fence('pie\n  "one" : 3\n  "two" : 4')

// In Chromium frames have threads of their own, and its long tasks are measured by the page's bench.
it.runIf(framesStopThePage)('never stands still for 200 ms unasked while a chat with code and diagrams is read', async () => {
  const v = await read(browser, `${long}\n\n${flow}\n\n${sequence}\n\n${pie}`)
  const { page } = v
  await drawn(page).first().waitFor()
  await page.goto(v.fake.url)
  await page.getByRole('textbox', { name: 'Write a message' }).waitFor()
  await watch(page)
  const processes = pages()
  const samples = [{ at: Date.now(), ms: processes.map(ran) }]
  const sampling = setInterval(() => samples.push({ at: Date.now(), ms: processes.map(ran) }), 5)
  await page.locator('nav a[href$="/c/77"]').first().click()
  await expect.poll(() => drawn(page).count(), { timeout: 30_000 }).toBeGreaterThan(0)
  await page.locator('.scroller').hover({ position: { x: 20, y: 200 } })
  for (let i = 0; i < 12; i++) {
    await page.mouse.wheel(0, -400)
    await page.evaluate(() => new Promise((frame) => requestAnimationFrame(() => requestAnimationFrame(frame))))
  }
  clearInterval(sampling)
  samples.push({ at: Date.now(), ms: processes.map(ran) })
  const gaps = await page.evaluate(() => (window as unknown as { gaps: [number, number][] }).gaps)
  const busy = (from: number, to: number) => {
    const before = samples.findLast(({ at }) => at <= from) ?? samples[0]
    const after = samples.find(({ at }) => at >= to) ?? samples.at(-1)
    return Math.round(Math.max(...processes.map((_, i) => (after?.ms[i] ?? 0) - (before?.ms[i] ?? 0))))
  }
  expect(busy(0, Date.now())).toBeGreaterThan(200) // all of it together: it is measured
  expect(gaps.map(([from, to]) => busy(from, to)).filter((ms) => ms >= 200)).toEqual([])
  expect(v.complaints).toEqual([])
  await v.end()
})
