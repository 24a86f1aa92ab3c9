import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit, watch } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

it('shares a chat with somebody who has no account, and ends that', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page } = v
  await page.goto(v.fake.url)
  await page.getByRole('textbox', { name: 'Write a message' }).fill('Explain hash tables')
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: 'the article' }).waitFor()
  const open = page.getByRole('button', { name: 'Share or save' })
  await open.click()
  await page.getByLabel('The link works for').selectOption('7')
  await page.getByRole('button', { name: 'Make link' }).click()
  const link = await page.getByText(/\/share\/Kx9_/).innerText()
  expect(new URL(link).origin).toBe(v.fake.url)
  expect(await page.getByRole('link', { name: 'Markdown' }).getAttribute('href')).toMatch(/\/api\/sessions\/\d+\/export\?format=md$/)

  const stranger = await browser.newContext({ locale: 'zh-CN', viewport: { width: 390, height: 844 } })
  const theirs = await stranger.newPage()
  const complaints = watch(theirs)
  v.fake.state.current = null
  await theirs.goto(link)
  await theirs.getByRole('heading', { name: 'How it works' }).waitFor()
  await theirs.getByRole('article', { name: '提问' }).getByText('Explain hash tables').waitFor()
  expect(await theirs.getByRole('textbox').count()).toBe(0)
  expect(await theirs.evaluate(() => document.documentElement.scrollWidth)).toBe(390)

  await page.getByRole('button', { name: 'End sharing' }).click()
  await page.getByRole('button', { name: 'Make link' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(await open.evaluate((button) => button === document.activeElement)).toBe(true)
  await theirs.reload()
  await theirs.getByText('此链接已失效').waitFor()
  expect([...complaints, ...v.complaints]).toEqual([])
  await stranger.close()
  await v.end()
})

it('keeps a temporary chat out of the list', async () => {
  const v = await visit(browser, { tokenMs: 1, chats: 2 })
  const { page } = v
  await page.goto(v.fake.url)
  await page.getByRole('switch', { name: 'Temporary chat' }).click()
  await page.getByRole('textbox', { name: 'Write a message' }).fill('Nobody shall find this')
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: 'the article' }).waitFor()
  await page.getByText('Temporary chat').waitFor()
  expect(await page.getByRole('navigation').getByRole('listitem').count()).toBe(2)
  expect([...v.fake.state.sessions.values()].filter((session) => session.temporary).length).toBe(1)
  await page.keyboard.press('Control+Shift+O')
  expect(await page.getByRole('switch', { name: 'Temporary chat', checked: false }).count()).toBe(1)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('tries the web search with what is stored', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/system/search`)
  await page.getByRole('button', { name: 'Search', exact: true }).click()
  await page.getByText('The provider refused the key.').waitFor()
  await page.getByLabel('Key of the search engine').fill('tvly-1')
  expect(await page.getByRole('button', { name: 'Search', exact: true }).isDisabled()).toBe(true)
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByPlaceholder('A key is stored').waitFor()
  await page.getByRole('button', { name: 'Search', exact: true }).click()
  await page.getByText('It works: 1 result').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})
