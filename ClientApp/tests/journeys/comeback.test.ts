import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

it('brings list, models and chat back by itself when the server is there again', async () => {
  const v = await visit(browser, { chats: 3, tokenMs: 1 })
  const { page } = v
  await page.goto(v.fake.url)
  await page.getByRole('textbox', { name: 'Write a message' }).fill('Explain hash tables')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'How it works' }).waitFor()
  await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
  await page.waitForURL(/\/c\/\d+$/)

  v.fake.state.away = true
  await page.reload()
  await page.getByText('The server cannot be reached').waitFor()
  v.fake.state.away = false
  // Without a click, although the first requests of the page had failed.
  await page.getByRole('heading', { name: 'How it works' }).waitFor()
  await page.getByRole('link', { name: 'Notes on topic 1' }).waitFor()
  await page.getByRole('button', { name: /Demo/ }).first().waitFor()

  // A chat that is opened meanwhile.
  v.fake.state.away = true
  await page.getByRole('link', { name: 'Notes on topic 1' }).click()
  await page.getByText('This chat could not be loaded').waitFor()
  v.fake.state.away = false
  await page.getByText('This chat could not be loaded').waitFor({ state: 'detached' })
  expect(v.complaints.filter((line) => !/ERR_|Failed to fetch/.test(line))).toEqual([])
  await v.end()
})
