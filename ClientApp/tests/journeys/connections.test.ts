import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const mask = '••••••••'
const connection = {
  id: 5,
  name: 'Team',
  provider: 'openai',
  baseUrl: 'https://llm.example/v1',
  authType: 'bearer',
  hasKey: true,
  keyHint: '…aaaa',
  keys: ['…aaaa', '…bbbb'],
  headers: { 'X-Team': mask },
  enabled: true,
  modelCount: 2,
  lastCheckedAt: new Date().toISOString(),
  lastError: 'HTTP 401',
  lastErrorCode: 'provider_unauthorized',
}

it('tests a stored connection without its keys, and shows the models found', async () => {
  const v = await visit(browser)
  v.fake.state.connections.push({ ...connection })
  const { page } = v
  await page.goto(`${v.fake.url}/settings/connections`)
  await page.getByText('2 models · Checked').waitFor()
  await page.getByText('Last check failed: The provider refused the key.').waitFor()
  await page.getByRole('button', { name: 'Edit connection: Team' }).click()
  const asked = page.waitForRequest('**/api/connections/verify')
  await page.getByRole('button', { name: 'Test', exact: true }).click()
  const body = (await asked).postDataJSON() as Record<string, unknown>
  expect(body).toMatchObject({ id: 5, baseUrl: 'https://llm.example/v1' })
  for (const secret of ['key', 'keys', 'headers']) expect(body).not.toHaveProperty(secret)
  await page.getByText('Models found').click()
  await page.getByText('gpt-large, gpt-small').waitFor()
  await page.getByLabel('Another API key').fill('bad')
  expect(await page.getByText('Models found').count()).toBe(1)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('keeps several keys in order and extra headers, and shows none of the stored values', async () => {
  const v = await visit(browser)
  v.fake.state.connections.push({ ...connection })
  const { page } = v
  const stored = () => v.fake.state.connections[0]
  await page.goto(`${v.fake.url}/settings/connections`)
  await page.getByRole('button', { name: 'Edit connection: Team' }).click()
  await page.getByRole('button', { name: 'Remove key: …aaaa' }).click()
  await page.getByLabel('Another API key').fill('sk-second')
  await page.getByRole('button', { name: 'Add another key' }).click()
  await page.getByLabel('Another API key').nth(1).fill('sk-third')
  await page.getByText('More options').click()
  expect(await page.getByLabel('Value: X-Team').inputValue()).toBe('')
  await page.getByRole('button', { name: 'Add header' }).click()
  await page.getByLabel('Header', { exact: true }).last().fill('X-Project')
  await page.getByLabel('Value: X-Project').fill('blue')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(stored()).toMatchObject({ keys: ['…bbbb', 'sk-second', 'sk-third'], headers: { 'X-Team': mask, 'X-Project': 'blue' } })

  // Unchanged secrets are not sent, so the server keeps them.
  await page.getByRole('button', { name: 'Edit connection: Team' }).click()
  const saved = page.waitForRequest((request) => request.method() === 'PUT')
  await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('Team B')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  const body = (await saved).postDataJSON() as Record<string, unknown>
  expect(body).toMatchObject({ name: 'Team B' })
  expect(Object.keys(body)).not.toContain('keys')
  expect(Object.keys(body)).not.toContain('headers')
  await page.getByText('Team B', { exact: true }).waitFor()

  await page.getByRole('switch', { name: 'Enabled' }).first().click()
  await expect.poll(() => stored()?.['enabled']).toBe(false)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('says what a Microsoft Entra sign-in needs in place of a key', async () => {
  const v = await visit(browser)
  v.fake.state.connections.push({ ...connection, provider: 'azure_openai', authType: 'api_key', headers: {}, keys: [], hasKey: false })
  const { page } = v
  await page.goto(`${v.fake.url}/settings/connections`)
  await page.getByRole('button', { name: 'Edit connection: Team' }).click()
  await page.getByText('More options').click()
  await page.getByLabel('Authentication').selectOption('entra')
  await page.getByLabel('Entra credential').waitFor()
  await page.getByText('tenant:client:secret of an app registration').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('names the hop that failed behind a proxy, and opens the field for its authority', async () => {
  const v = await visit(browser)
  v.fake.state.connections.push({ ...connection, proxy: 'inherit' })
  const { page } = v
  await page.goto(`${v.fake.url}/settings/connections`)
  await page.getByRole('button', { name: 'Edit connection: Team' }).click()
  await page.getByText('More options').click()
  const proxy = page.getByRole('textbox', { name: 'Proxy' })
  expect(await proxy.count()).toBe(0)
  await page.getByRole('radiogroup', { name: 'Proxy' }).getByText('Own').click()
  await proxy.fill('http://inspecting.example:3128')
  await page.getByText('More options').click()
  await page.getByRole('button', { name: 'Test', exact: true }).click()

  await page.getByRole('listitem').filter({ hasText: /^ ?Certificate failed$/ }).waitFor()
  await page.getByText('The certificate is signed by an authority that is not trusted here.').waitFor()
  await page.getByText('CN=Corporate Inspection CA', { exact: true }).waitFor()
  await page.getByText('2026-01-01 – 2027-01-01').waitFor()
  await page.getByText('Through the proxy http://inspecting.example:3128').waitFor()
  await page.getByText('If you know this authority').waitFor()
  await page.getByLabel('Certificate authority').fill('-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----')
  await page.getByRole('button', { name: 'Test', exact: true }).click()
  await page.getByText('Models found').waitFor()

  const saved = page.waitForRequest((request) => request.method() === 'PUT')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  expect((await saved).postDataJSON()).toMatchObject({
    proxy: 'http://inspecting.example:3128',
    caPem: '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----',
  })
  expect(v.complaints).toEqual([])
  await v.end()
})

it.each([
  ['en-US', 'Add connection', 'Base URL', 'More options', 'Model ids', 'Test', 'Use https://llm.example/v1', 'Models found'],
  ['zh-CN', '添加连接', '接口地址', '更多选项', '模型 ID', '测试', '改用 https://llm.example/v1', '找到的模型'],
])('offers the likely address beside models typed by hand, in view on a phone (%s)', async (locale, ...names) => {
  const [add, address, more, ids, test, use, found] = names as [string, string, string, string, string, string, string]
  const v = await visit(browser, {}, { locale, viewport: { width: 390, height: 844 } })
  const { page } = v
  await page.goto(`${v.fake.url}/settings/connections`)
  await page.getByRole('button', { name: add, exact: true }).click()
  await page.getByLabel(address, { exact: true }).fill('https://llm.example')
  await page.getByText(more, { exact: true }).click()
  await page.getByLabel(ids).fill('typed-1')
  await page.getByRole('button', { name: test, exact: true }).click()
  const offer = page.getByRole('button', { name: use })
  await offer.waitFor()
  const footer = await page.getByRole('button', { name: test, exact: true }).boundingBox()
  const end = async () => offer.boundingBox().then((box) => (box ? box.y + box.height : NaN))
  await expect.poll(end).toBeLessThanOrEqual(footer?.y ?? NaN)
  await offer.click()
  await expect.poll(() => page.getByLabel(address, { exact: true }).inputValue()).toBe('https://llm.example/v1')
  await page.getByText(found).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})
