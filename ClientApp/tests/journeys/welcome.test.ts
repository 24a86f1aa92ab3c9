import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { admin, launch, needs, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
const connection = {
  id: 5,
  name: 'Workstation',
  provider: 'openai',
  baseUrl: 'http://127.0.0.1:9/v1',
  authType: 'none',
  hasKey: false,
  enabled: true,
}

needs('coarse pointer')('begins a chat on a phone: visible model, suggestion, line breaks by Enter, and a send button', async () => {
  const v = await visit(browser, { tokenMs: 2 }, phone)
  v.fake.state.connections.push(connection)
  v.fake.state.say = 'Three ways.'
  const { page } = v
  await page.goto(v.fake.url)
  // A model chosen here applies to the next chat and creates none.
  await page.getByRole('button', { name: 'Choose a model: gpt-large' }).tap()
  await page.getByRole('option', { name: /gpt-small/ }).tap()
  await page.getByRole('button', { name: 'Choose a model: gpt-small' }).waitFor()
  expect(v.fake.state.sessions.size).toBe(0)

  await page.getByRole('button', { name: 'Compare three ways to back up a small server in a table' }).tap()
  const box = page.getByRole('textbox', { name: 'Write a message' })
  await expect.poll(() => box.inputValue()).toContain('Compare three ways')
  await box.press('End')
  await box.press('Enter')
  await box.pressSequentially('Briefly.')
  expect(await box.inputValue()).toMatch(/table\nBriefly\.$/)
  await page.getByRole('button', { name: 'Send' }).tap()
  await page.getByText('Three ways.', { exact: true }).waitFor()
  expect([...v.fake.state.sessions.values()]).toMatchObject([{ connectionId: 5, model: 'gpt-small' }])
  expect(v.fake.state.asked.at(-1)?.['content']).toMatch(/^Compare three ways[^\n]*\nBriefly\.$/)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('keeps what was written when the chat could not be made, and says so', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  const { page } = v
  await page.goto(v.fake.url)
  const box = page.getByRole('textbox', { name: 'Write a message' })
  await page.route('**/api/sessions', (route) =>
    route.request().method() === 'POST'
      ? route.fulfill({ status: 500, contentType: 'application/problem+json', body: '{"status":500,"code":"internal_error"}' })
      : route.continue(),
  )
  await box.fill('Words that cost an hour')
  await page.keyboard.press('Enter')
  await page.getByText(/^Not sent/).waitFor()
  expect(await box.inputValue()).toBe('Words that cost an hour')
  await page.unroute('**/api/sessions')
  v.fake.state.say = 'Safe.'
  await page.keyboard.press('Enter')
  await page.getByText('Safe.', { exact: true }).waitFor()
  expect(v.fake.state.asked.at(-1)).toMatchObject({ content: 'Words that cost an hour' })
  await v.end()
})

it('says what to do when there is no model: an administrator connects one, others know whom to ask', async () => {
  for (const [user, said, link] of [
    [admin, 'Connect a provider', 1],
    [{ ...admin, id: 2, role: 'USER' as const }, 'administrator', 0],
  ] as const) {
    const v = await visit(browser, { users: [user] })
    await v.page.route('**/api/catalog/models*', (route) => route.fulfill({ json: { items: [] } }))
    await v.page.goto(v.fake.url)
    await v.page.getByText('No model').first().waitFor()
    await v.page.locator('.welcome').getByText(new RegExp(said)).first().waitFor()
    expect(await v.page.locator('.welcome a[href$="/setup"]').count()).toBe(link)
    expect(v.complaints).toEqual([])
    await v.end()
  }
})
