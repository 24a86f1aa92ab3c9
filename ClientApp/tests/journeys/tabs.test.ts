import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { answer } from '../fake/answer.mjs'
import { launch, visit, watch } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

async function ask(page: Page, text: string) {
  const box = page.getByRole('textbox', { name: 'Write a message' })
  await box.fill(text)
  await box.press('Enter')
}
const busy = (page: Page) => page.locator('article[aria-busy=true]')
const asked = async (page: Page) =>
  (await page.getByRole('article', { name: 'You' }).locator('.text').allInnerTexts()).map((text) => text.trim())

it('answers in eight tabs at once, although a browser opens six connections', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  const { state } = v.fake
  const pages = [v.page, ...await Promise.all(Array.from({ length: 7 }, () => v.context.newPage()))]
  const complaints = pages.slice(1).map(watch)
  state.hold = true
  for (const page of pages) await page.goto(v.fake.url)
  await Promise.all(pages.map((page, at) => ask(page, `question ${at}`)))
  // Every question has reached the server, and every tab shows the first half.
  await expect.poll(() => state.runs.size, { timeout: 20_000 }).toBe(8)
  await Promise.all(pages.map((page) => busy(page).getByRole('heading', { name: 'How it works' }).waitFor({ timeout: 20_000 })))
  // While all of them run, another request is answered.
  for (const page of pages) expect(await page.evaluate(() => fetch('/api/auth/me').then((response) => response.status))).toBe(200)
  state.hold = false
  for (const page of pages) {
    await page.getByRole('link', { name: 'the article' }).waitFor({ timeout: 30_000 })
    await busy(page).waitFor({ state: 'detached', timeout: 30_000 })
    expect(await page.getByRole('article', { name: 'Assistant' }).count()).toBe(1)
  }
  const answers = [...state.messages.values()].flat().filter((message) => message.role === 'assistant')
  expect(answers.map((message) => message.content)).toEqual(Array(8).fill(answer))
  expect([...v.complaints, ...complaints.flat()]).toEqual([])
  await v.end()
})

it('keeps two tabs of one chat in sync, whichever of them sends', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  const { page: one } = v
  await one.goto(v.fake.url)
  // Short, so that all four are near enough to the window to be drawn.
  v.fake.state.say = 'A short answer.'
  await ask(one, 'first')
  await one.getByText('A short answer.').waitFor()
  await busy(one).waitFor({ state: 'detached' })
  const two = await v.context.newPage()
  const complaints = watch(two)
  await two.goto(one.url())
  await two.getByText('A short answer.').waitFor()

  // The other tab shows the answer while it is written, and can stop it.
  v.fake.state.hold = true
  v.fake.state.say = null
  await ask(one, 'second')
  await busy(two).getByRole('heading', { name: 'How it works' }).waitFor()
  await two.getByRole('button', { name: 'Stop' }).click()
  for (const page of [one, two]) await page.getByText('You stopped this answer.').waitFor()

  // The first tab sends before it has learned of the message in the second.
  v.fake.state.hold = false
  v.fake.state.say = 'A short answer.'
  await two.getByRole('textbox', { name: 'Write a message' }).fill('third')
  await one.getByRole('textbox', { name: 'Write a message' }).fill('fourth')
  await two.keyboard.press('Enter')
  await expect.poll(() => v.fake.state.asked.length).toBe(3)
  await expect.poll(() => v.fake.state.runs.size).toBe(0)
  await one.keyboard.press('Enter')
  for (const page of [one, two]) await expect.poll(() => asked(page), { timeout: 20_000 }).toEqual(['first', 'second', 'third', 'fourth'])
  for (const page of [one, two])
    await expect.poll(() => page.getByRole('article', { name: 'Assistant' }).count(), { timeout: 20_000 }).toBe(4)
  expect([...v.complaints, ...complaints]).toEqual([])
  await v.end()
})
