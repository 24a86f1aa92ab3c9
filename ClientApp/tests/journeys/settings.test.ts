import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { admin, engine, launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const team = [admin, { ...admin, id: 2, username: 'mei_lin', role: 'USER' as const, dailyLimit: null, unlimited: false }]
const connection = {
  id: 5,
  name: 'Workstation',
  provider: 'openai',
  baseUrl: 'http://127.0.0.1:9/v1',
  authType: 'none',
  hasKey: false,
  enabled: true,
}
const save = (page: Page) => page.getByRole('button', { name: 'Save', exact: true }).click()

it('saves settings only when something changed, and marks the wrong field', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/system/general`)
  const name = page.getByLabel('Name')
  await name.waitFor()
  expect(await page.getByRole('button', { name: 'Save' }).count()).toBe(0)
  await name.fill('')
  await save(page)
  await page.getByText('This must not be empty').waitFor()
  await name.fill('Team Chat')
  await page.getByLabel('Address of this site').fill('chat.example')
  await page.getByText('2 changes not saved').first().waitFor()
  await save(page)
  await page.getByText('The value starts with http').waitFor()
  await page.getByLabel('Address of this site').fill('https://chat.example')
  await save(page)
  await page.getByRole('group', { name: /not saved/ }).waitFor({ state: 'detached' })
  expect(v.fake.state.settings).toMatchObject({ brandText: 'Team Chat', siteBaseUrl: 'https://chat.example' })
  await page.getByRole('link', { name: 'Go to the chat' }).click()
  await page.getByRole('link', { name: 'Team Chat' }).waitFor()

  await page.goto(`${v.fake.url}/settings/system/network`)
  await page.getByLabel('Sign of life').fill('0.2')
  await page.getByText('From 1 to 600').waitFor()
  await page.getByLabel('Sign of life').fill('20')
  await save(page)
  await page.getByRole('group', { name: /not saved/ }).waitFor({ state: 'detached' })
  expect(v.fake.state.settings['sseHeartbeatIntervalMs']).toBe(20_000)
  await page.getByText('Own', { exact: true }).click()
  await page.getByRole('textbox', { name: 'Proxy to providers' }).fill('socks5h://127.0.0.1:7891')
  await page.getByLabel('Past the proxy').fill('corp.example\n203.0.113.0/24')
  await save(page)
  await page.getByRole('group', { name: /not saved/ }).waitFor({ state: 'detached' })
  expect(v.fake.state.settings).toMatchObject({ outboundProxy: 'socks5h://127.0.0.1:7891', noProxy: ['corp.example', '203.0.113.0/24'] })
  await page.getByText('None', { exact: true }).click()
  await page.getByLabel('Past the proxy').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Use defaults' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Use defaults' }).click()
  await page.getByText('The defaults are back').waitFor()
  expect(v.fake.state.settings['sseHeartbeatIntervalMs']).toBe(15_000)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('says of a setting which of the saved value and its variable holds', async () => {
  const v = await visit(browser)
  const { page } = v
  const one = { key: 'brandText', given: 'BRAND_TEXT', file: '/srv/.env', source: 'file', overridden: false }
  const saved = { key: 'siteBaseUrl', given: 'SITE_BASE_URL', source: 'saved', overridden: true }
  v.fake.state.variables = [one, saved, { key: 'welcomeText', source: 'default', overridden: false }]
  await page.goto(`${v.fake.url}/settings/system/general`)
  await page.getByText('Set by the environment: BRAND_TEXT in /srv/.env.').waitFor()
  await page.getByText('Saved here. SITE_BASE_URL of the environment is not used').waitFor()
  expect(await page.getByLabel('Name').getAttribute('aria-describedby')).toContain('-variable')
  expect(await page.locator('[id$="-variable"]').count()).toBe(2) // nothing of a variable that is not set
  v.fake.state.variables = []
  await page.getByLabel('Name').fill('Team Chat')
  await save(page)
  await page.getByText('Set by the environment').waitFor({ state: 'detached' })
  expect(v.complaints).toEqual([])
  await v.end()
})

it('shows administrators what the server noticed, with the line to set', async () => {
  const v = await visit(browser)
  const since = new Date().toISOString()
  v.fake.state.notices = [
    { kind: 'proxy_untrusted', detail: 'In English.', subject: '172.18.0.2', setting: 'TRUSTED_PROXIES=172.18.0.2', since },
    { kind: 'of_a_newer_server', detail: 'Said by the server itself.', since },
  ]
  await v.page.goto(`${v.fake.url}/settings/about`)
  const list = v.page.getByRole('region', { name: 'Needs attention' })
  await list.getByText('a proxy at 172.18.0.2').waitFor()
  await list.getByText('TRUSTED_PROXIES=172.18.0.2').waitFor()
  await list.getByText('Said by the server itself.').waitFor()
  await v.page.goto(`${v.fake.url}/settings/appearance`)
  await v.page.getByRole('heading', { level: 1 }).first().waitFor()
  expect(await list.count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('keeps text readable in the colour the administrator chose', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/system/general`)
  const hue = () => page.evaluate(() => document.documentElement.style.getPropertyValue('--hue'))
  await page.getByLabel('Accent colour').fill('25')
  expect(await hue()).toBe('25')
  await page.getByRole('button', { name: 'Discard' }).click()
  expect(await hue()).toBe('195')
  await page.getByLabel('Accent colour').fill('300')
  await save(page)
  await page.getByText('Saved').waitFor()
  await page.reload()
  await page.getByLabel('Accent colour').waitFor()
  expect(await hue()).toBe('300')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('makes, limits and deletes accounts', async () => {
  const v = await visit(browser, { users: team })
  const { page } = v
  await page.goto(`${v.fake.url}/settings/users`)
  await page.getByRole('button', { name: 'New account' }).click()
  await page.getByLabel('User name').fill('mei_lin')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByText('This user name is taken.').waitFor()
  await page.getByLabel('User name').fill('wang_fang')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByText('KXQ4-7MPD-2WRT', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'I have copied it' }).click()
  await page.getByRole('button', { name: 'Actions for wang_fang' }).click()
  await page.getByRole('menuitem', { name: 'Limits' }).click()
  await page.getByLabel('Messages a day').fill('ten')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByText('A number, or nothing for the default').waitFor()
  await page.getByLabel('Messages a day').fill('10')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByText('10 messages a day').waitFor()
  await page.getByRole('button', { name: 'Actions for mei_lin' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  const remove = page.getByRole('dialog').getByRole('button', { name: 'Delete account' })
  expect(await remove.isDisabled()).toBe(true)
  await page.getByLabel('Type mei_lin to confirm').fill('mei_lin')
  await remove.click()
  await page.getByText('mei_lin was deleted').waitFor()
  expect(v.fake.state.users.map((user) => user.username)).toEqual(['lin', 'wang_fang'])
  await page.getByRole('button', { name: 'Actions for lin' }).click()
  expect(await page.getByRole('menuitem').count()).toBe(1)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('renames, prices and hides models', async () => {
  const v = await visit(browser)
  v.fake.state.connections.push(connection)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/models`)
  await page.getByRole('button', { name: 'Edit: gpt-large' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill('Large')
  await page.getByLabel('Tags').fill('slow, good')
  await page.getByLabel('Input', { exact: true }).fill('2.5')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByText('Input and output both need a number').waitFor()
  await page.getByLabel('Output', { exact: true }).fill('10')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByText('$2.5 in, $10 out per million').waitFor()
  await page.getByRole('switch', { name: 'Offered: gpt-small' }).click()
  await page.getByRole('switch', { name: 'Offered: gpt-small', checked: false }).waitFor()
  await page.getByRole('link', { name: 'Go to the chat' }).click()
  await page.getByRole('button', { name: /Choose a model/ }).click()
  await page.getByRole('combobox').fill('good')
  await page.getByRole('option', { name: /Large/ }).waitFor()
  expect(await page.getByRole('option').count()).toBe(1)
  await page.getByRole('button', { name: /Add to favourites/ }).click()
  await page.getByRole('combobox').fill('')
  await page.getByRole('group', { name: 'Favourites' }).getByRole('option', { name: /Large/ }).waitFor()
  expect(await page.getByRole('option', { name: /gpt-small/ }).count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('makes a key that is shown once, and revokes it', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/keys`)
  await page.getByRole('button', { name: 'New key' }).click()
  await page.getByLabel('Name').fill('Editor')
  await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
  await page.getByText(/^sk-Tq8dWx2L/).first().waitFor()
  await page.getByRole('button', { name: 'I have copied it' }).click()
  await page.getByText('sk-Tq8dWx2…').waitFor()
  expect(await page.getByText(/^sk-Tq8dWx2L/).count()).toBe(0)
  await page.getByRole('button', { name: 'Revoke: Editor' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await page.getByText('No keys yet').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('shows usage as a chart and as numbers', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/usage`)
  await page.getByRole('img', { name: /By day: Tokens/ }).waitFor()
  await page.getByText('90 days').click()
  await page.getByRole('radio', { name: 'Cost' }).check({ force: true })
  await page.getByRole('img', { name: /By day: Cost/ }).waitFor()
  await page.getByRole('radio', { name: 'Model' }).check({ force: true })
  await page.getByRole('rowheader', { name: 'qwen3-32b' }).waitFor()
  await page.goto(`${v.fake.url}/settings/overview`)
  expect(await page.getByRole('link', { name: 'Download CSV' }).getAttribute('href')).toMatch(
    /api\/admin\/usage\?by=day&from=[\d-]+&format=csv$/,
  )
  for (const [at, said] of [
    ['audit', 'Key of the search engine = (secret)'],
    ['about', '0123456789abcdef'],
  ] as const) {
    await page.goto(`${v.fake.url}/settings/${at}`)
    await page.getByText(said).waitFor()
  }
  expect(v.complaints).toEqual([])
  await v.end()
})

it('syncs theme and language, shrinks pictures, and deletes the account', async () => {
  const v = await visit(browser)
  const { page } = v
  v.fake.state.personal = { theme: 'dark' }
  await page.goto(`${v.fake.url}/settings/account`)
  await page.locator('html[data-theme=dark]').waitFor()
  await page.locator('input[type=file]').setInputFiles({ name: 'me.png', mimeType: 'image/png', buffer: await page.screenshot() })
  await page.getByRole('button', { name: 'Remove' }).waitFor()
  expect(v.fake.state.avatar?.length).toBeLessThan(40_000)
  // WebKit draws WebP and writes none.
  const [from, to, kind] = engine === 'webkit' ? [1, 4, 'PNG'] : [8, 12, 'WEBP']
  expect(Buffer.from(v.fake.state.avatar?.subarray(from, to) ?? []).toString()).toBe(kind)
  await page.locator('input[type=file]').setInputFiles({ name: 'me.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') })
  await page.getByText('This file is not a picture').waitFor()
  await page.goto(`${v.fake.url}/settings/appearance`)
  await page.getByText('简体中文').click()
  await page.getByRole('heading', { name: '外观' }).waitFor()
  expect(v.fake.state.personal).toEqual({ theme: 'dark', locale: 'zh' })
  await page.goto(`${v.fake.url}/settings/account`)
  await page.getByRole('button', { name: '注销账号' }).click()
  await page.getByLabel('当前密码').fill('wrong-password')
  await page.getByRole('dialog').getByRole('button', { name: '注销账号' }).click()
  await page.getByRole('dialog').getByRole('alert').waitFor()
  await page.getByLabel('当前密码').fill('long-enough-1')
  await page.getByRole('dialog').getByRole('button', { name: '注销账号' }).click()
  await page.getByRole('button', { name: '登录' }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('shows a list first on a phone, then one page', async () => {
  const v = await visit(browser, {}, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true })
  const { page } = v
  await page.goto(`${v.fake.url}/settings`)
  await page.getByRole('link', { name: 'Audit log' }).tap()
  await page.getByRole('heading', { name: 'Audit log' }).waitFor()
  await page.getByRole('link', { name: 'Settings', exact: true }).tap()
  for (const name of ['Overview', 'Users', 'Models', 'Name and look', 'Access and limits', 'API keys', 'Appearance']) {
    await page.getByRole('link', { name, exact: true }).tap()
    await page.getByRole('heading', { name, exact: true }).waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollWidth), name).toBe(390)
    await page.goBack()
  }
  expect(v.complaints).toEqual([])
  await v.end()
})

it('finds a setting by its label or hint, and goes to it', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/appearance`)
  const search = page.getByRole('searchbox', { name: 'Search settings' })
  await search.fill('proxies cutting')
  await page.getByRole('link', { name: 'Sign of life Network and streaming' }).waitFor()
  await search.press('Enter')
  await page.waitForURL('**/settings/system/network')
  await expect.poll(() => page.getByLabel('Sign of life').evaluate((field) => field === document.activeElement)).toBe(true)
  await search.fill('nothing of that name')
  await page.getByText('Nothing here has such a name').waitFor()
  await search.press('Escape')
  await page.getByRole('navigation').getByRole('link', { name: 'Audit log' }).waitFor()

  // On a phone the page replaces the list.
  await page.setViewportSize({ width: 390, height: 844 })
  await page.goto(`${v.fake.url}/settings`)
  await search.fill('theme')
  await page.getByRole('link', { name: 'Theme Appearance' }).click()
  await expect
    .poll(() => page.getByRole('radiogroup', { name: 'Theme' }).evaluate((group) => group.contains(document.activeElement)))
    .toBe(true)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('asks before a page with unsaved changes is left, also by the back button', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/system/limits`)
  await page.getByRole('link', { name: 'Name and look', exact: true }).click()
  await page.getByLabel('Name').fill('Half done')
  await page.getByRole('link', { name: 'Audit log' }).click()
  await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Cancel' }).click()
  expect(await page.getByLabel('Name').inputValue()).toBe('Half done')
  await page.goBack()
  await page.getByRole('dialog', { name: 'Leave without saving?' }).waitFor()
  expect(new URL(page.url()).pathname).toBe('/settings/system/general')
  await page.getByRole('button', { name: 'Leave', exact: true }).click()
  await page.getByLabel('Answers at once for everybody').waitFor()
  expect(new URL(page.url()).pathname).toBe('/settings/system/limits')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('shows the notice of the administrator at the login, as text', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/system/general`)
  await page.getByLabel('Notice at the login').fill('For members only.\nAsk <b>Lin</b>.')
  await save(page)
  await page.getByRole('group', { name: /not saved/ }).waitFor({ state: 'detached' })
  v.fake.state.current = null
  await page.goto(`${v.fake.url}/login`)
  await page.getByText('For members only. Ask <b>Lin</b>.').waitFor()
  await page.getByRole('link', { name: 'Create account' }).click()
  await page.getByText('Ask <b>Lin</b>.').waitFor()
  await v.end()
})
