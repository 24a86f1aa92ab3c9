import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { admin, launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const history = (page: Page) => page.evaluate(() => [location.href, JSON.stringify(window.history.state)].join(' '))

it('takes the setup code from the link of the console at any address', async () => {
  const v = await visit(browser, { users: [] })
  const { page } = v
  await page.goto(`${v.fake.url}/register#setup=TEST-CODE`)
  const field = page.getByLabel('Setup code')
  await expect.poll(() => field.inputValue()).toBe('TEST-CODE')
  await page.getByText('Filled in from the link.').waitFor()
  expect(await history(page)).not.toContain('TEST-CODE')
  expect(new URL(page.url()).pathname).toBe('/setup')
  // It survives a reload, and a newer link in the same tab replaces it.
  await page.reload()
  await expect.poll(() => field.inputValue()).toBe('TEST-CODE')
  await field.fill('')
  await page.getByText('prints it on its console').waitFor()
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByText('The setup code is missing or wrong.').waitFor()
  await page.evaluate(() => { location.hash = '#setup=TEST%2DCODE' })
  await expect.poll(() => field.inputValue()).toBe('TEST-CODE')
  expect(await history(page)).not.toContain('CODE')

  await page.getByLabel('User name').fill('lin')
  await page.getByLabel('Password', { exact: true }).fill('long-enough-1')
  await page.getByLabel('Password again').fill('long-enough-1')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('heading', { name: 'Connect a model provider' }).waitFor()
  expect(await page.evaluate(() => Object.values(sessionStorage).join())).not.toContain('TEST-CODE')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('resumes the setup after a reload, in another tab and on another device, without a second connection', async () => {
  const v = await visit(browser, { users: [admin] })
  const { page } = v
  const connect = async (tab: Page) => {
    await tab.getByRole('button', { name: /DeepSeek/ }).click()
    await tab.getByLabel('API key').fill('sk-good')
    await tab.getByRole('button', { name: 'Test and continue' }).click()
    await tab.getByRole('heading', { name: 'Choose the default model' }).waitFor()
  }
  const other = await v.context.newPage()
  for (const tab of [page, other]) {
    await tab.goto(`${v.fake.url}/setup`)
    await tab.getByRole('heading', { name: 'Connect a model provider' }).waitFor()
  }
  await connect(page)
  // The other tab still shows the step before.
  await connect(other)
  expect(v.fake.state.connections.length).toBe(1)
  await page.reload()
  await page.getByRole('heading', { name: 'Choose the default model' }).waitFor()

  const device = await browser.newContext({ locale: 'en-US' })
  const phone = await device.newPage()
  await phone.goto(`${v.fake.url}/setup`)
  await phone.getByRole('heading', { name: 'Choose the default model' }).waitFor()
  await phone.getByRole('button', { name: 'Back' }).click()
  await phone.getByText('Connected: DeepSeek. You can add more below.').waitFor()
  // Another key of the same vendor creates another connection with its own name.
  await phone.getByRole('button', { name: /DeepSeek/ }).click()
  await phone.getByLabel('API key').fill('sk-second')
  await phone.getByRole('button', { name: 'Test and continue' }).click()
  await phone.getByRole('option', { name: /gpt-small/ }).first().click()
  await phone.getByRole('button', { name: 'Start chatting' }).click()
  await phone.getByRole('heading', { name: /Hello lin/ }).waitFor()
  expect(v.fake.state.connections.map((one) => one['name'])).toEqual(['DeepSeek', 'DeepSeek 2'])
  await device.close()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('says in the language of the page what is missing, and completes addresses', async () => {
  const v = await visit(browser, { users: [admin] }, { locale: 'zh-CN' })
  const { page } = v
  const bubbles: string[] = []
  await page.exposeFunction('bubble', (message: string) => bubbles.push(message))
  await page.addInitScript(() =>
    document.addEventListener(
      'invalid',
      (event) => (window as unknown as { bubble(text: string): void }).bubble((event.target as HTMLInputElement).validationMessage),
      true,
    ),
  )
  await page.goto(`${v.fake.url}/setup`)
  await page.getByRole('button', { name: /其他 OpenAI 兼容服务/ }).click()
  await page.getByRole('button', { name: '测试并继续' }).click()
  await page.getByText('请填写地址，例如 https://example.com/v1').waitFor()
  const address = page.getByLabel('接口地址')
  for (const [typed, whole] of [
    ['llm.example.com/v1', 'https://llm.example.com/v1'],
    ['192.168.1.5:8000/v1/', 'http://192.168.1.5:8000/v1'],
    ['https：//llm.example.com/v1', 'https://llm.example.com/v1'],
    ['https://llm.example.com/v1/chat/completions', 'https://llm.example.com/v1'],
    ['localhost:1234', 'http://localhost:1234'],
  ] as const) {
    await address.fill('')
    await address.pressSequentially(typed) // by keys: only what a person changes is a change in every engine
    await address.press('Tab')
    await expect.poll(() => address.inputValue(), { message: typed }).toBe(whole)
  }
  // A provider without a list of models: they are entered by hand.
  await page.getByLabel('API 密钥').fill('listless')
  await page.getByRole('button', { name: '测试并继续' }).click()
  await page.getByLabel('模型 ID').fill('model-a\nmodel-b')
  await page.getByRole('button', { name: '测试并继续' }).click()
  // Another address is offered, and to test this one again is to keep it.
  await page.getByText('http://localhost:1234/v1').first().waitFor()
  await page.getByRole('button', { name: '测试并继续' }).click()
  await page.getByRole('heading', { name: '选择默认模型' }).waitFor()
  expect(v.fake.state.connections[0]).toMatchObject({
    name: 'localhost:1234',
    baseUrl: 'http://localhost:1234',
    modelIds: ['model-a', 'model-b'],
    local: true,
  })

  await page.goto(`${v.fake.url}/setup`)
  await page.getByRole('button', { name: '返回' }).click()
  await page.getByRole('button', { name: /智谱/ }).click()
  await page.getByText('https://open.bigmodel.cn/api/paas/v4').waitFor()
  await page.getByText('国际站').click()
  await page.getByText('https://api.z.ai/api/paas/v4').waitFor()
  await page.getByRole('button', { name: '测试并继续' }).click()
  await page.getByText('请填写服务商控制台中的密钥').waitFor()
  expect(bubbles).toEqual([])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('keeps the reason of a refusal over a reload, and says when the limit resets', async () => {
  const v = await visit(browser, { chats: 1 })
  const { page } = v
  v.fake.state.say = 'A new day.'
  await page.route('**/api/chat/stream', (route) =>
    route.fulfill({
      status: 429,
      headers: { 'Retry-After': '18000' },
      contentType: 'application/problem+json',
      body: JSON.stringify({ status: 429, code: 'quota_exceeded' }),
    }),
  )
  const [sid = 0] = v.fake.state.sessions.keys()
  await page.goto(`${v.fake.url}/c/${sid}`)
  const box = page.getByRole('textbox', { name: 'Write a message' })
  await box.fill('One too many')
  await page.keyboard.press('Enter')
  const reason = page.getByText(/^Not sent: Your messages for today are used up\. You can go on from .*\d{1,2}:\d{2}/)
  await reason.waitFor()
  await page.reload()
  await reason.waitFor()
  expect(await page.getByText('The server cannot be reached').count()).toBe(0)

  // After that moment the refusal no longer applies.
  await page.clock.setFixedTime(new Date(Date.now() + 18_100_000))
  await page.reload()
  await page.getByText('Not sent.', { exact: true }).waitFor()
  await page.unroute('**/api/chat/stream')
  await page.getByRole('button', { name: 'Retry' }).click()
  await page.getByText('A new day.', { exact: true }).waitFor()
  await page.reload()
  await page.getByText('A new day.', { exact: true }).waitFor()
  expect(await page.getByText(/Not sent/).count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('says when messages are available again', async () => {
  const v = await visit(browser)
  const { page } = v
  v.fake.state.quota = { limit: 20, used: 20, remaining: 0, resetsAt: new Date(Date.now() + 5 * 36e5).toISOString() }
  await page.goto(v.fake.url)
  await page.getByText(/0 messages left today · again from .*\d{1,2}:\d{2}/).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('says that a settings page does not exist, also to people who may not open it', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/nowhere`)
  await page.getByRole('heading', { name: 'There is nothing at this address' }).waitFor()
  expect(await page.getByRole('heading', { name: 'Appearance' }).count()).toBe(0)
  await page.getByRole('button', { name: 'All settings' }).click()
  await page.getByRole('heading', { name: 'Appearance' }).waitFor()
  await page.goto(`${v.fake.url}/settings/keys/`)
  await page.getByRole('heading', { name: 'API keys' }).waitFor()
  v.fake.state.current = { ...admin, role: 'USER' }
  await page.goto(`${v.fake.url}/settings/users`)
  await page.getByRole('heading', { name: 'There is nothing at this address' }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})
