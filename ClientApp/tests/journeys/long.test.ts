import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Message } from '../../src/lib/api/types'
import { answer } from '../fake/answer.mjs'
import { launch, visit, type Visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

function fill(v: Visit, contents: string[]): string {
  const [sid = 0] = [...v.fake.state.sessions.keys()]
  v.fake.state.messages.set(sid, contents.map((content, i): Message => ({
    id: sid * 1000 + i, sessionId: sid, parentId: i === 0 ? null : sid * 1000 + i - 1, role: i % 2 === 0 ? 'user' : 'assistant',
    content, status: 'done', createdAt: '2026-11-20T08:00:00.000Z', images: [], toolCalls: [],
  })))
  return `${v.fake.url}/c/${sid}`
}

/** Without what is drawn when its part of the page has loaded, which may be while it is in view. */
const plain = answer.replace(/```[\s\S]*?```/, 'Code').replace(/\$\$?[^$]+\$\$?/g, 'a formula')

const turns = (page: Page) => page.locator('[data-key]').count()

/** The first block in view and where it stands; its text is its name. */
const seen = (page: Page) => page.evaluate(() => {
  const edge = document.querySelector('.scroller')?.getBoundingClientRect().top ?? 0
  const block = [...document.querySelectorAll('.prose > p, article .text')].find((one) => one.getBoundingClientRect().top > edge)
  return { text: block?.textContent ?? '', top: Math.round(block?.getBoundingClientRect().top ?? 0) }
})

/** Pixels by which two measurements of one place may differ. */
const rounding = 2

/** Turns the wheel once; by how much a block in the middle of the view moved. */
async function wheel(page: Page, pixels: number): Promise<number> {
  await page.evaluate(() => {
    const block = [...document.querySelectorAll('.prose > *, article .text')].find((one) => one.getBoundingClientRect().bottom > 350)
    Object.assign(window, { block, was: block?.getBoundingClientRect().top })
  })
  await page.mouse.wheel(0, pixels)
  const moved = () => page.evaluate(() => {
    const { block, was } = window as unknown as { block: Element; was: number }
    return block.getBoundingClientRect().top - was
  })
  // An engine rounds positions, so that a block moves by a fraction before the wheel has turned.
  await expect.poll(async () => Math.abs(await moved()), { interval: 10 }).toBeGreaterThan(rounding)
  // What comes in from above is drawn meanwhile. Where things stand counts when it is painted, which is the task after the frame.
  return page.evaluate(() => new Promise<number>((tell) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      const { block, was } = window as unknown as { block: Element; was: number }
      tell(block.getBoundingClientRect().top - was)
    }
    requestAnimationFrame(() => requestAnimationFrame(() => port2.postMessage(0)))
  }))
}

it('moves what is seen by the wheel alone while turns come in from above, and far ones leave', async () => {
  const v = await visit(browser, { chats: 1 })
  const { page } = v
  await page.goto(fill(v, Array.from({ length: 80 }, (_, i) => (i % 2 === 0 ? `Question ${i}` : `${plain}\n\nAnswer ${i}`))))
  await page.getByText('Answer 79', { exact: true }).waitFor()
  await page.locator('.scroller').hover({ position: { x: 20, y: 300 } })
  const steps: number[] = []
  for (let i = 0; i < 26; i++) steps.push(await wheel(page, -300))
  expect(steps.filter((step) => Math.abs(step - 300) > rounding)).toEqual([])
  await expect.poll(() => turns(page)).toBeLessThan(30)
  await expect.poll(() => page.getByText('Answer 79', { exact: true }).count()).toBe(0)
  for (let i = 0; i < 6; i++) expect(Math.abs(await wheel(page, 300) + 300)).toBeLessThanOrEqual(rounding)
  await page.getByRole('button', { name: 'Jump to latest' }).click()
  await page.getByText('Answer 79', { exact: true }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('draws the end of a long answer first, and returns to a place in its middle', async () => {
  const v = await visit(browser, { chats: 1 })
  const { page } = v
  const parts = Array.from({ length: 20 }, (_, i) => `Part ${i} begins here.\n\n${plain}`)
  await page.goto(fill(v, ['Tell all', `${parts.join('\n\n')}\n\nThe end.`]))
  await page.getByText('The end.').waitFor()
  await expect.poll(() => page.locator('.prose > *').count()).toBeLessThan(60)
  await page.locator('.scroller').hover({ position: { x: 20, y: 300 } })
  const steps: number[] = []
  for (let i = 0; i < 12; i++) steps.push(await wheel(page, -300))
  expect(steps.filter((step) => Math.abs(step - 300) > rounding)).toEqual([])
  await page.waitForFunction(() => localStorage.getItem('aichat.places.1'))
  const before = await seen(page)
  await page.reload()
  await expect.poll(async () => (await seen(page)).text).toBe(before.text)
  await expect.poll(async () => Math.abs((await seen(page)).top - before.top)).toBeLessThanOrEqual(rounding)
  await expect.poll(() => page.getByText('The end.').count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('keeps the selection of what left the view, and prints the whole chat from the menu of the browser', async () => {
  const v = await visit(browser, { chats: 1 })
  const { page } = v
  await page.goto(fill(v, Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? `Question ${i}` : `${answer}\n\nAnswer ${i}`))))
  const last = page.getByText('Answer 39', { exact: true })
  await last.waitFor()
  await last.evaluate((block) => getSelection()?.selectAllChildren(block))
  await page.locator('.scroller').hover({ position: { x: 20, y: 300 } })
  for (let i = 0; i < 12; i++) await wheel(page, -500)
  expect(await page.evaluate(() => String(getSelection()))).toBe('Answer 39')
  await page.evaluate(() => getSelection()?.removeAllRanges())
  await wheel(page, -300)
  await expect.poll(() => last.count()).toBe(0)
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  expect(await turns(page)).toBe(40)
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))
  await expect.poll(() => turns(page)).toBeLessThan(30)
  expect(v.complaints).toEqual([])
  await v.end()
})
