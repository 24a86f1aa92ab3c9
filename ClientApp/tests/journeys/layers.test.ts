import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Message } from '../../src/lib/api/types'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

it('closes one layer with each Esc, and stops the answer with the last', async () => {
  const v = await visit(browser, { chats: 1, tokenMs: 20 })
  const { page } = v
  v.fake.state.say = 'word '.repeat(400)
  await page.goto(v.fake.url)
  await page.getByRole('textbox', { name: 'Write a message' }).fill('Go on')
  await page.keyboard.press('Enter')
  await page.locator('article[aria-busy=true]').waitFor()
  await page.getByRole('button', { name: 'Find in this chat' }).click()
  await page.getByRole('textbox', { name: 'Find in this chat' }).waitFor()
  await page.keyboard.press('Control+k')
  const search = page.getByRole('combobox', { name: 'Search chats and commands' })
  await search.waitFor()
  await page.keyboard.press('Escape')
  await search.waitFor({ state: 'detached' })
  const find = page.getByRole('textbox', { name: 'Find in this chat' })
  expect(await find.count()).toBe(1)
  await find.press('Escape')
  await find.waitFor({ state: 'detached' })
  expect(await page.locator('article[aria-busy=true]').count()).toBe(1)
  await page.keyboard.press('Escape')
  await page.getByText('You stopped this answer.').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('shows a toast over nothing that is needed, and the same one once', async () => {
  const v = await visit(browser, { chats: 4 })
  const { page } = v
  await page.goto(v.fake.url)
  await page.route('**/api/sessions/*', (route) =>
    route.request().method() === 'PATCH'
      ? route.fulfill({ status: 500, contentType: 'application/problem+json', body: '{"status":500,"code":"internal_error"}' })
      : route.continue(),
  )
  for (let time = 0; time < 2; time++) {
    await page.getByRole('navigation').getByRole('link', { name: 'Notes on topic 1' }).hover()
    await page.getByRole('button', { name: 'Actions for “Notes on topic 1”' }).click()
    await page.getByRole('menuitem', { name: 'Pin' }).click()
    await page.locator('.toast').first().waitFor()
  }
  await expect.poll(() => page.locator('.toast').count()).toBe(1)
  const overlap = await page.evaluate(() => {
    const toast = document.querySelector('.toast')?.getBoundingClientRect()
    const composer = document.querySelector('form.composer')?.getBoundingClientRect()
    if (!toast || !composer) return 'missing'
    return toast.bottom > composer.top && toast.top < composer.bottom && toast.right > composer.left
  })
  expect(overlap).toBe(false)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('jumps to the latest only when there is something below', async () => {
  const v = await visit(browser, { chats: 1 })
  const { page, fake } = v
  const [sid = 0] = fake.state.sessions.keys()
  const message = (id: number, role: Message['role']): Message => {
    const content = `Line ${id}\n\n`.repeat(12)
    return { id, sessionId: sid, parentId: id > 1 ? id - 1 : null, role, content, status: 'done', createdAt: new Date().toISOString() }
  }
  fake.state.messages.set(sid, Array.from({ length: 12 }, (_, at) => message(at + 1, at % 2 ? 'assistant' : 'user')))
  await page.goto(`${fake.url}/c/${sid}`)
  await page.getByText('Line 12').last().waitFor()
  const latest = page.getByRole('button', { name: 'Jump to latest' })
  expect(await latest.count()).toBe(0)
  await page.locator('.scroller').evaluate((list) => list.scrollTo(0, 0))
  await latest.click()
  await latest.waitFor({ state: 'detached' })
  expect(v.complaints).toEqual([])
  await v.end()
})

it('prints the whole chat without the controls around it', async () => {
  const v = await visit(browser, { chats: 1, tokenMs: 1 })
  const { page } = v
  v.fake.state.say = 'Printed words.'
  await page.addInitScript(() => {
    window.print = () => void (document.title = `printed ${document.querySelectorAll('article').length}`)
  })
  await page.goto(v.fake.url)
  await page.getByRole('textbox', { name: 'Write a message' }).fill('On paper')
  await page.keyboard.press('Enter')
  await page.getByText('Printed words.').waitFor()
  await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
  await page.keyboard.press('Control+p')
  await expect.poll(() => page.title()).toBe('printed 2')
  await page.emulateMedia({ media: 'print' })
  const shown = (selector: string) => page.locator(selector).first().isVisible()
  expect(await shown('article')).toBe(true)
  for (const around of ['nav', 'form.composer', '.actions']) expect(await shown(around), around).toBe(false)
  expect(v.complaints).toEqual([])
  await v.end()
})
