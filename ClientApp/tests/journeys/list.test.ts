import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const chat = (page: Page, title: string) => page.getByRole('navigation').getByRole('link', { name: title, exact: true })
const menu = async (page: Page, title: string, item: string) => {
  await chat(page, title).hover()
  await page.getByRole('button', { name: `Actions for “${title}”` }).click()
  await page.getByRole('menuitem', { name: item }).click()
}

it('pins, archives and brings back', async () => {
  const v = await visit(browser, { chats: 8 })
  const { page } = v
  await page.goto(v.fake.url)
  await menu(page, 'Notes on topic 7', 'Pin')
  await page.getByRole('region', { name: 'Pinned' }).getByRole('link', { name: 'Notes on topic 7' }).waitFor()
  await page.reload()
  await page.getByRole('region', { name: 'Pinned' }).getByRole('link', { name: 'Notes on topic 7' }).waitFor()
  await menu(page, 'Notes on topic 7', 'Unpin')
  await page.getByRole('region', { name: 'Pinned' }).waitFor({ state: 'detached' })

  await menu(page, 'Notes on topic 2', 'Archive')
  await page.getByText('“Notes on topic 2” was archived').waitFor()
  await page.getByRole('button', { name: 'Undo' }).click()
  await chat(page, 'Notes on topic 2').waitFor()
  await menu(page, 'Notes on topic 2', 'Archive')
  await chat(page, 'Notes on topic 2').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Actions for the list' }).click()
  await page.getByRole('menuitem', { name: 'Archived chats' }).click()
  await page.getByRole('button', { name: 'Restore: Notes on topic 2' }).click()
  await page.getByText('Nothing archived').waitFor()
  await page.getByRole('button', { name: 'Archived chats' }).click()
  await chat(page, 'Notes on topic 2').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('deletes several chats at once, and takes it back', async () => {
  const v = await visit(browser, { chats: 9 })
  const { page } = v
  await page.goto(v.fake.url)
  await menu(page, 'Notes on topic 1', 'Select chats')
  await page.getByRole('checkbox', { name: 'Notes on topic 5' }).click({ modifiers: ['Shift'] })
  await page.getByText('5 selected').waitFor()
  await page.getByRole('group', { name: 'Select chats' }).getByRole('button', { name: 'Delete' }).click()
  await page.getByText('5 chats were deleted').waitFor()
  expect(await page.getByRole('navigation').getByRole('listitem').count()).toBe(4)
  await page.getByRole('button', { name: 'Undo' }).click()
  await chat(page, 'Notes on topic 5').waitFor()
  expect(v.fake.state.sessions.size).toBe(9)
  await page.getByRole('button', { name: 'Actions for the list' }).click()
  await page.getByRole('menuitem', { name: 'Select chats' }).click()
  await page.getByRole('checkbox').first().check()
  await page.keyboard.press('Escape')
  await chat(page, 'Notes on topic 5').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('finds chats by title and text, and commands, by keyboard alone', async () => {
  const v = await visit(browser, { chats: 70, tokenMs: 1 })
  const { page } = v
  await page.goto(v.fake.url)
  await page.getByRole('textbox', { name: 'Write a message' }).fill('Where is the needle in the haystack?')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/c\/\d+$/)
  const asked = page.url()
  await page.keyboard.press('Control+Shift+O')
  await page.getByRole('heading', { name: /Hello lin/ }).waitFor()
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Search chats and commands' }).fill('NEEDLE hay')
  await page.getByRole('option', { name: /needle in the haystack/ }).first().waitFor()
  await page.locator('.snippet mark').first().waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL(asked)

  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').fill('topic 68')
  await page.getByRole('option', { name: /Notes on topic 68/ }).waitFor()
  await page.getByRole('combobox').fill('zzz')
  await page.getByText('Nothing found').waitFor()
  await page.getByRole('combobox').fill('dark')
  await page.keyboard.press('Enter')
  expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('gives the focus back to where it was', async () => {
  const v = await visit(browser, { chats: 3 })
  const { page } = v
  await page.goto(v.fake.url)
  const search = page.getByRole('button', { name: 'Search' })
  await search.focus()
  await page.keyboard.press('Enter')
  await page.getByRole('combobox', { name: 'Search chats and commands' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(await search.evaluate((button) => button === document.activeElement)).toBe(true)
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
  await page.getByRole('button', { name: 'Close' }).click()
  expect(await search.evaluate((button) => button === document.activeElement)).toBe(true)
  await page.getByRole('textbox', { name: 'Write a message' }).fill('')
  await page.keyboard.type('why?')
  expect(await page.getByRole('textbox', { name: 'Write a message' }).inputValue()).toBe('why?')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('shows every chat that is being answered', async () => {
  const v = await visit(browser, { tokenMs: 25 })
  const { page } = v
  await page.goto(v.fake.url)
  const running = page.getByRole('navigation').getByRole('img', { name: 'An answer is being written' })
  for (const at of [0, 1, 2]) {
    await page.getByRole('heading', { name: /Hello lin/ }).waitFor()
    await page.getByRole('textbox', { name: 'Write a message' }).fill(`question ${at}`)
    await page.keyboard.press('Enter')
    await running.nth(at).waitFor()
    await page.keyboard.press('Control+Shift+O')
  }
  expect(await running.count()).toBe(3)
  expect(v.complaints).toEqual([])
  await v.end()
})
