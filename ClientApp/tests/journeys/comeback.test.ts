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

it('waits when its requests are too many, as with many tabs at once, and asks nobody to log in', async () => {
  const v = await visit(browser, { chats: 3 })
  const { page } = v
  const inList = page.getByRole('navigation').getByRole('link', { name: 'Notes on topic 1' })
  await page.goto(v.fake.url)
  await inList.waitFor()
  v.fake.state.tooMany = { left: 6, seconds: 1 }
  await page.reload()
  await inList.waitFor()
  expect(v.fake.state.tooMany.left).toBe(0)
  expect(await page.getByLabel('User name').count()).toBe(0)

  // Where it takes longer, it says so and why; the login is not ended either.
  v.fake.state.tooMany = { left: 1_000, seconds: 30 }
  await page.reload()
  await page.getByText('This page tries again by itself.').waitFor()
  v.fake.state.tooMany.left = 0
  await inList.waitFor()
  await page.goto(`${v.fake.url}/settings/account`)
  await page.getByRole('heading', { name: 'Account' }).waitFor()
  v.fake.state.tooMany.left = 1_000
  await page.getByRole('link', { name: 'Users' }).click()
  await page.getByText('This could not be loaded').waitFor()
  await page.getByText('Too many requests. Try again in 30 s.').first().waitFor()
  v.fake.state.tooMany.left = 0
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('searchbox').or(page.getByPlaceholder('Search by name')).first().waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})
