import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { admin, launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

it('shows after a reload how the account has changed: role, name, picture, messages left', async () => {
  const v = await visit(browser)
  const { page } = v
  const menu = page.getByRole('button', { name: /Account menu/ })
  v.fake.state.quota = { limit: 20, used: 18, remaining: 2, resetsAt: '2026-11-27T00:00:00.000Z' }
  await page.goto(v.fake.url)
  await page.getByText('2 messages left today').waitFor()
  await menu.click()
  await page.getByRole('menuitem', { name: 'Administration' }).waitFor()

  v.fake.state.current = { ...admin, username: 'lin_zhang', role: 'USER', avatarUrl: 'icons/touch-180.png' }
  v.fake.state.quota = { limit: 20, used: 0, remaining: 20, resetsAt: '2026-11-28T00:00:00.000Z' }
  await page.reload()
  await menu.click()
  await page.getByRole('menuitem', { name: 'Settings' }).waitFor()
  expect(await page.getByRole('menuitem', { name: 'Administration' }).count()).toBe(0)
  expect(await menu.innerText()).toContain('lin_zhang')
  expect(await menu.locator('img').getAttribute('src')).toContain('touch-180.png')
  expect(await page.getByText(/left today/).count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('locks nobody out because of a limit used up yesterday: the server decides', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  const { page } = v
  v.fake.state.quota = { limit: 20, used: 20, remaining: 0, resetsAt: '2026-11-27T00:00:00.000Z' }
  v.fake.state.say = 'A new day.'
  await page.goto(v.fake.url)
  await page.getByText('0 messages left today').waitFor()
  const box = page.getByRole('textbox', { name: 'Write a message' })
  expect(await box.isEnabled()).toBe(true)
  await box.fill('Good morning')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('A new day.', { exact: true }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})
