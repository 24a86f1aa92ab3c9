import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findings } from './axe'
import { admin, lacks, launch, visit } from './browser'

// Limits, codes and keys, which one person gives to another or to a program.

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const clipboard = { permissions: ['clipboard-read', 'clipboard-write'] }

it('shows the default, the use and the currency of a limit, and offers "no limit"', async () => {
  const v = await visit(browser, { users: [admin, { ...admin, id: 2, username: 'mia', role: 'USER' }] })
  const { page } = v
  await page.goto(`${v.fake.url}/settings/users`)
  await page.getByRole('button', { name: 'Actions for mia' }).click()
  await page.getByRole('menuitem', { name: 'Limits' }).click()
  await page.getByText('Default: 200 · 12 used today').waitFor()
  await page.getByText('Default: No limit · 3,400 used today').waitFor()
  await page.getByText('Default: No limit · $6.50 used this month').waitFor()
  await page.getByText(/Today’s count begins again: .*\d:\d\d/).waitFor()
  expect(await page.getByRole('dialog').textContent()).not.toContain('“-”')
  if (!lacks('axe on the way')) expect(await findings(page)).toEqual([])
  await page.getByLabel('Messages a day', { exact: true }).fill('2')
  await page.getByLabel('Money a day (US dollars)', { exact: true }).fill('0.5')
  await page.getByRole('checkbox', { name: 'No limit', description: 'Tokens a month' }).check()
  expect(await page.getByLabel('Tokens a month', { exact: true }).isDisabled()).toBe(true)
  const sent = page.waitForRequest('**/quota')
  await page.getByRole('button', { name: 'Save' }).click()
  expect((await sent).postDataJSON()).toEqual({
    dailyLimit: 2,
    unlimited: false,
    dailyTokenBudget: null,
    monthlyTokenBudget: -1,
    dailyMoneyBudget: 0.5,
    monthlyMoneyBudget: null,
    resetUsed: false,
  })
  await page.getByText('2 messages a day').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('gives a one-time code and the address in one text', async () => {
  const v = await visit(browser, {}, clipboard)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/users`)
  await page.getByRole('button', { name: 'New account' }).click()
  await page.getByLabel('User name').fill('mia')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('group', { name: 'To pass on' }).getByRole('button', { name: 'Copy' }).click()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
    `Open ${v.fake.url}/login and log in as mia with the one-time code KXQ4-7MPD-2WRT. Then choose your password.`,
  )
  if (!lacks('axe on the way')) expect(await findings(page)).toEqual([])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('gives each program its address, its configuration, and a test call', async () => {
  const v = await visit(browser, {}, clipboard)
  const { page } = v
  v.fake.state.connections.push({
    id: 5,
    name: 'Team',
    provider: 'openai',
    baseUrl: 'https://llm.example/v1',
    authType: 'bearer',
    hasKey: true,
    enabled: true,
  })
  await page.goto(`${v.fake.url}/settings/keys`)
  await page.getByText(`${v.fake.url}/v1`, { exact: true }).waitFor()
  await page.getByText(v.fake.url, { exact: true }).waitFor()
  await page.getByRole('button', { name: /Copy.*Anthropic address/ }).click()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(v.fake.url)
  const lines = page.locator('pre')
  await page.getByLabel('Program', { exact: true }).selectOption('Claude Code')
  expect(await lines.innerText()).toContain(`export ANTHROPIC_BASE_URL='${v.fake.url}'\nexport ANTHROPIC_AUTH_TOKEN='YOUR-KEY'`)
  if (!lacks('axe on the way')) expect(await findings(page)).toEqual([])

  await page.getByRole('button', { name: 'New key' }).click()
  await page.getByLabel('Name').fill('Editor')
  await page.getByRole('button', { name: 'Create key' }).click()
  await page.getByRole('heading', { name: 'Copy the key now' }).waitFor()
  await page.getByRole('button', { name: 'Try the key' }).click()
  await page.getByText('It works: 3 models.').waitFor()
  const shown = page.getByRole('dialog').locator('pre').last()
  expect(await shown.innerText()).toContain(`base_url = "${v.fake.url}/v1"`)
  expect(await shown.innerText()).not.toContain('sk-Tq8dWx2L')
  expect(await page.getByRole('dialog').locator('pre').first().innerText()).toContain("AICHAT_KEY='sk-Tq8dWx2L")
  await expect.poll(() => shown.innerText()).toContain('model = "gpt-large"')
  await page.getByRole('dialog').getByLabel('Program', { exact: true }).selectOption('opencode')
  expect(JSON.parse(await shown.innerText())).toMatchObject({ provider: { aichat: { options: { baseURL: `${v.fake.url}/v1` } } } })
  if (!lacks('axe on the way')) expect(await findings(page)).toEqual([])
  expect(v.complaints).toEqual([])
  await v.end()
})
