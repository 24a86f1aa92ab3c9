import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { admin, engine, launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const focused = (page: Page) => page.evaluate(() => (document.activeElement as HTMLInputElement).labels?.[0]?.textContent ?? '')

it('goes through the wizard by keys alone: each step begins at its first field', async () => {
  const v = await visit(browser, { users: [] })
  const { page } = v
  const keys = page.keyboard
  const scripts: string[] = []
  page.on('request', (request) => scripts.push(request.url()))
  await page.goto(`${v.fake.url}/#setup=TEST-CODE`)
  // The code came with the link, so the name is the first field that is empty.
  await expect.poll(() => focused(page)).toBe('User name')
  // The step after this one is asked for while this one is filled in, and not before.
  const step = () => scripts.filter((url) => /\/ProviderStep-.*js$/.test(url)).length
  expect(step()).toBe(0)
  await keys.type('lin')
  await expect.poll(step).toBe(1)
  await keys.press('Tab')
  await keys.type('long-enough-1')
  await page.getByLabel('Password again').focus()
  await keys.type('long-enough-1')
  await keys.press('Enter')
  await page.getByRole('heading', { name: 'Connect a model provider' }).waitFor()
  await page.getByRole('button', { name: /Other, OpenAI-compatible/ }).press('Enter')
  await expect.poll(() => focused(page)).toBe('Base URL')
  expect(await page.evaluate(() => scrollY)).toBe(0)
  await page.getByText('Most end in /v1.').waitFor()
  await keys.type('llm.example.com/v1')
  await keys.press('Tab')
  await keys.type('sk-good')
  await page.getByLabel('Name').focus()
  await keys.type('The lab’s own')
  await keys.press('Enter')
  await page.getByRole('heading', { name: 'Choose the default model' }).waitFor()
  await page.getByRole('option', { name: /gpt-small/ }).click()
  await page.getByRole('button', { name: 'Start chatting' }).press('Enter')
  await page.getByRole('heading', { name: /Hello lin/ }).waitFor()
  expect(v.fake.state.connections).toMatchObject([{ name: 'The lab’s own', baseUrl: 'https://llm.example.com/v1' }])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('says a failure in one sentence with what to do about it, and takes the corrected form', async () => {
  const v = await visit(browser, { users: [admin] })
  const { page } = v
  await page.goto(`${v.fake.url}/setup`)
  await page.getByRole('button', { name: /DeepSeek/ }).click()
  await expect.poll(() => focused(page)).toMatch(/^API key/)
  await page.keyboard.type('bad')
  await page.keyboard.press('Enter')
  await page.getByText('The provider refused the key.').waitFor()
  await page.getByText('Check the key, and that it belongs to this provider and region.').waitFor()
  expect(await page.getByRole('alert').count()).toBe(1)
  expect(await page.getByLabel('API key').inputValue()).toBe('bad')
  await page.getByLabel('API key').fill('sk-good')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Choose the default model' }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('shows the next step when the network comes back, if it went before that step had loaded', async () => {
  const v = await visit(browser, { users: [] })
  const { page } = v
  await page.goto(`${v.fake.url}/#setup=TEST-CODE`)
  await expect.poll(() => focused(page)).toBe('User name')
  let cut = true
  await page.route('**/assets/ProviderStep-*', (route) => (cut ? route.abort() : route.continue()))
  await page.getByLabel('User name').fill('lin')
  await page.getByLabel('Password', { exact: true }).fill('long-enough-1')
  await page.getByLabel('Password again').fill('long-enough-1')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('heading', { name: 'Connect a model provider' }).waitFor()
  await page.getByText('This page tries again by itself.').waitFor()
  cut = false
  // Firefox does not fetch a script again that has failed: there the page has to be loaded again.
  if (engine === 'firefox') await page.getByRole('button', { name: 'Reload' }).click()
  await page.getByRole('button', { name: /DeepSeek/ }).waitFor()
  await v.end()
})
