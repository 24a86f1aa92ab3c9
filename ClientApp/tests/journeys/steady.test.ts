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

const box = (page: Page) => page.getByRole('textbox', { name: 'Write a message' })
const fromEnd = (page: Page) => page.locator('.scroller').evaluate((list) => list.scrollHeight - list.clientHeight - list.scrollTop)

function fill(v: Visit, sid: number, turns: number, word: string) {
  v.fake.state.messages.set(sid, Array.from({ length: turns }, (_, i): Message => ({
    id: sid * 1000 + i, sessionId: sid, parentId: i === 0 ? null : sid * 1000 + i - 1, role: i % 2 === 0 ? 'user' : 'assistant',
    content: `${word} ${i}`, status: 'done', createdAt: '2026-11-20T08:00:00.000Z',
  })))
}

/** Holds back the messages of a chat until the returned function is called. */
async function holdMessages(page: Page, sid: number): Promise<() => void> {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  await page.route(`**/api/sessions/${sid}/messages*`, async (route) => {
    await held
    await route.continue()
  })
  return release
}

it('opens a chat far down the list by its address, at its newest message', async () => {
  const v = await visit(browser, { chats: 120 })
  const sid = [...v.fake.state.sessions.keys()].at(-1) ?? 0
  fill(v, sid, 130, 'old')
  await v.page.goto(`${v.fake.url}/c/${sid}`)
  await v.page.getByText('old 129').waitFor()
  expect(new URL(v.page.url()).pathname).toBe(`/c/${sid}`)
  await expect.poll(() => v.page.title()).toContain(v.fake.state.sessions.get(sid)?.title)
  await expect.poll(() => fromEnd(v.page)).toBeLessThan(32)
  expect(v.complaints).toEqual([])
  await v.end()
})

for (const [kind, word] of [['long', `${answer}\n\nold`], ['short', 'old']] as const) {
  it(`opens a chat of ${kind} messages turn by turn, and nothing visible jumps`, async () => {
    const v = await visit(browser, { chats: 1 }, { viewport: { width: 412, height: 820 }, hasTouch: true, isMobile: true })
    const [sid = 0] = [...v.fake.state.sessions.keys()]
    fill(v, sid, 24, word)
    await v.page.addInitScript(() => {
      const jumps: number[] = []
      Object.assign(window, { jumps })
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as (PerformanceEntry & { value: number })[]) jumps.push(entry.value)
      }).observe({ type: 'layout-shift', buffered: true })
    })
    await v.page.goto(`${v.fake.url}/c/${sid}`)
    await v.page.getByText('old 23').waitFor()
    if (kind === 'long') await v.page.locator('.katex').first().waitFor()
    await expect.poll(() => v.page.locator('[data-key]').count()).toBeGreaterThan(kind === 'long' ? 1 : 3)
    await expect.poll(() => fromEnd(v.page)).toBeLessThan(32)
    expect(await v.page.evaluate(() => (window as unknown as { jumps: number[] }).jumps.reduce((sum, one) => sum + one, 0))).toBeLessThan(
      0.05,
    )
    expect(v.complaints).toEqual([])
    await v.end()
  })
}

it('shows a question that was asked before the earlier messages arrived', async () => {
  const v = await visit(browser, { chats: 1, tokenMs: 4 })
  const { page } = v
  const [sid = 0] = [...v.fake.state.sessions.keys()]
  fill(v, sid, 6, 'old')
  const release = await holdMessages(page, sid)
  await page.goto(`${v.fake.url}/c/${sid}`)
  v.fake.state.hold = true
  await box(page).fill('Explain hash tables')
  await page.keyboard.press('Enter')
  await page.getByRole('article', { name: 'You' }).getByText('Explain hash tables').waitFor()
  await page.getByRole('heading', { name: 'How it works' }).waitFor()
  release()
  v.fake.state.hold = false
  await page.getByRole('link', { name: 'the article' }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('never shows one chat under the name of another, however late its messages come', async () => {
  const v = await visit(browser, { chats: 3 })
  const { page } = v
  const [slow = 0, quick = 0] = [...v.fake.state.sessions.keys()]
  fill(v, slow, 4, 'slow')
  fill(v, quick, 4, 'quick')
  const release = await holdMessages(page, slow)
  await page.goto(v.fake.url)
  const link = (id: number) => page.getByRole('navigation').locator(`a[href$="/c/${id}"]`)
  await link(slow).click()
  await link(quick).click()
  await page.getByText('quick 3').waitFor()
  const late = page.waitForResponse((response) => response.url().includes(`/sessions/${slow}/messages`))
  release()
  await late
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))
  expect(await page.getByText('slow 3').count()).toBe(0)
  await link(slow).click()
  await page.getByText('slow 3').waitFor()
  expect(await page.getByText('quick 3').count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('follows an answer while it grows, until the reader scrolls up', async () => {
  const v = await visit(browser, { tokenMs: 4 }, { viewport: { width: 900, height: 500 } })
  const { page } = v
  await page.goto(v.fake.url)
  v.fake.state.hold = true
  await box(page).fill('Explain hash tables')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'How it works' }).waitFor()
  await expect.poll(() => v.fake.state.runs.size).toBe(1)
  await expect.poll(() => fromEnd(page)).toBeLessThan(32)
  await page.locator('.scroller').hover()
  await page.mouse.wheel(0, -200)
  await page.getByRole('button', { name: 'Jump to latest' }).waitFor()
  const top = await page.locator('.scroller').evaluate((list) => list.scrollTop)
  v.fake.state.hold = false
  await page.getByRole('link', { name: 'the article' }).waitFor()
  expect(Math.abs(await page.locator('.scroller').evaluate((list) => list.scrollTop) - top)).toBeLessThan(3)
  await page.getByRole('button', { name: 'Jump to latest' }).click()
  await expect.poll(() => fromEnd(page)).toBeLessThan(32)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('says at the message, in view, that it was not sent, also in a long chat', async () => {
  const v = await visit(browser, { chats: 1 })
  const { page } = v
  const sid = [...v.fake.state.sessions.keys()][0] ?? 0
  fill(v, sid, 80, 'long')
  await page.goto(`${v.fake.url}/c/${sid}`)
  await page.getByText('long 79').waitFor()
  await page.locator('.scroller').evaluate((list) => list.scrollTo(0, 0))
  await box(page).fill('refuse this')
  await page.keyboard.press('Enter')
  const said = page.getByRole('alert').filter({ hasText: 'Not sent' })
  await said.waitFor()
  await expect
    .poll(() =>
      said.evaluate((line) => {
        const { top, bottom } = line.getBoundingClientRect()
        return top > 0 && bottom < innerHeight
      }),
    )
    .toBe(true)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('moves nothing for somebody who asked for less motion', async () => {
  const v = await visit(browser, { tokenMs: 400 }, { reducedMotion: 'reduce' })
  const { page } = v
  await page.goto(v.fake.url)
  await box(page).fill('Explain hash tables')
  await page.keyboard.press('Enter')
  await page.locator('article[aria-busy=true]').waitFor()
  const moving = await page.evaluate(() =>
    [...document.querySelectorAll('*')].flatMap((one) => {
      const { animationName, animationDuration, transitionDuration } = getComputedStyle(one)
      const seconds = [...(animationName === 'none' ? [] : animationDuration.split(',')), ...transitionDuration.split(',')].map(
        (time) => parseFloat(time) * (time.trim().endsWith('ms') ? 0.001 : 1),
      )
      return Math.max(...seconds) > 0.001 ? [`${one.tagName} ${one.className.toString()}`] : []
    }),
  )
  expect(moving).toEqual([])
  expect(v.complaints).toEqual([])
  await v.end()
})
