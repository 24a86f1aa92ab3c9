import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { admin, launch, visit, type Visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const member = { ...admin, id: 2, username: 'mei_lin', role: 'USER' as const }
const options = ({ page }: Visit) => page.getByRole('button', { name: 'Options for the answer' })
const thought = ({ page }: Visit) => page.getByRole('button', { name: /^Thought/ })

async function ask(v: Visit, text: string) {
  const before = v.fake.state.asked.length
  await v.page.getByRole('textbox', { name: 'Write a message' }).fill(text)
  await v.page.keyboard.press('Enter')
  await expect.poll(() => v.fake.state.asked.length).toBe(before + 1)
  await v.page.getByText(text, { exact: true }).waitFor()
  await v.page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
}

it('shows reasoning opened to everybody when the administrator says so, and closed when a reader closes it', async () => {
  const v = await visit(browser, { tokenMs: 1, users: [member] })
  await v.page.goto(v.fake.url)
  await ask(v, 'Closed')
  expect(await thought(v).getAttribute('aria-expanded')).toBe('false')
  v.fake.state.settings['reasoningDefaultExpand'] = true
  await v.page.reload()
  await v.page.getByText('Recall the definition').waitFor()
  expect(await thought(v).getAttribute('aria-expanded')).toBe('true')
  await thought(v).click()
  expect(await v.page.getByText('Recall the definition').count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('offers no choice of reasoning where it is switched off', async () => {
  const v = await visit(browser, { tokenMs: 1, users: [member] })
  v.fake.state.settings['reasoningEnabled'] = false
  v.fake.state.say = 'At once.'
  await v.page.goto(v.fake.url)
  await options(v).click()
  await v.page.getByRole('switch', { name: 'Earlier messages' }).waitFor()
  expect(await v.page.getByLabel('Reasoning').count()).toBe(0)
  await v.page.keyboard.press('Escape')
  await ask(v, 'Hello')
  expect(v.fake.state.asked.at(-1)).not.toHaveProperty('reasoning')
  await v.end()
})

it('resets the effort to the default, and remembers it', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  v.fake.state.say = 'Yes.'
  await v.page.goto(v.fake.url)
  const choose = async (effort: string) => {
    await options(v).click()
    await v.page.getByLabel('Reasoning').selectOption(effort)
    await v.page.keyboard.press('Escape')
  }
  await choose('high')
  await ask(v, 'one')
  expect(v.fake.state.asked.at(-1)).toMatchObject({ reasoning: { enabled: true, effort: 'high' } })
  await choose('auto')
  await v.page.reload()
  await options(v).click()
  expect(await v.page.getByLabel('Reasoning').inputValue()).toBe('auto')
  await v.page.keyboard.press('Escape')
  await ask(v, 'two')
  expect(v.fake.state.asked.at(-1)).not.toHaveProperty('reasoning')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('shows the tools of a model without reasoning, while they run and afterwards', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  v.fake.state.say = 'Found it in the end.'
  v.fake.state.tools = [{ id: 'a', name: 'web_search', status: 'succeeded', arguments: '{"query":"tallest tree"}', result: '[]' }]
  v.fake.state.hold = true
  await v.page.goto(v.fake.url)
  await v.page.getByRole('textbox', { name: 'Write a message' }).fill('How tall?')
  await v.page.keyboard.press('Enter')
  await v.page.getByText('“tallest tree”').waitFor()
  expect(await v.page.locator('article[aria-busy=true]').count()).toBe(1)
  expect(await v.page.locator('.reasoning').count()).toBe(0)
  v.fake.state.hold = false
  await v.page.getByText('Found it in the end.').waitFor()
  await v.page.reload()
  await v.page.getByText('Searched for “tallest tree”').waitFor()
  expect(await v.page.locator('.reasoning').count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})
