import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findings, smallTargets } from './axe'
import { admin, lacks, launch, needs, visit, type Visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const users = [
  admin,
  { ...admin, id: 2, username: 'mei_lin', role: 'USER' as const, status: 'PENDING' as const, dailyLimit: null, unlimited: false },
]
const connection = {
  id: 5,
  name: 'Workstation',
  provider: 'openai',
  baseUrl: 'http://127.0.0.1:9/v1',
  authType: 'none',
  hasKey: false,
  enabled: true,
  modelCount: 2,
}
const settings = [
  'appearance',
  'account',
  'password',
  'devices',
  'keys',
  'usage',
  'overview',
  'users',
  'connections',
  'models',
  'system/general',
  'system/limits',
  'system/reasoning',
  'system/search',
  'system/network',
  'system/trace',
  'traces',
  'audit',
  'about',
]

async function ask(page: Page) {
  await page.getByRole('textbox', { name: 'Write a message' }).fill('Explain hash tables')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByRole('link', { name: 'the article' }).waitFor()
  await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
}

/** Every screen with the steps that reach it; each leaves the page in the state that the next one needs. */
const screens: [string, (v: Visit) => Promise<void>][] = [
  ['welcome', async ({ page, fake }) => { await page.goto(fake.url); await page.getByRole('heading', { name: /Hello lin/ }).waitFor() }],
  ['chat', async ({ page }) => ask(page)],
  [
    'model list',
    async ({ page }) => {
      await page.getByRole('button', { name: /Choose a model/ }).click()
      await page.getByRole('option').first().waitFor()
    },
  ],
  [
    'search',
    async ({ page }) => {
      await page.keyboard.press('Escape')
      await page.keyboard.press('Control+k')
      await page.getByRole('combobox', { name: 'Search chats and commands' }).waitFor()
    },
  ],
  [
    'keys',
    async ({ page }) => {
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await page.locator('body').press('?')
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
    },
  ],
  [
    'share',
    async ({ page }) => {
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Share or save' }).click()
      await page.getByRole('button', { name: 'Make link' }).waitFor()
    },
  ],
  ...settings.map((path): [string, (v: Visit) => Promise<void>] => [
    path,
    async ({ page, fake }) => {
      await page.goto(`${fake.url}/settings/${path}`)
      await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor()
      await page.waitForLoadState('networkidle')
    },
  ]),
  [
    'model form',
    async ({ page, fake }) => {
      await page.goto(`${fake.url}/settings/models`)
      await page.getByRole('button', { name: 'Edit: gpt-large' }).click()
      await page.getByRole('dialog').waitFor()
    },
  ],
  [
    'trace',
    async ({ page, fake }) => {
      await page.goto(`${fake.url}/settings/traces`)
      await page
        .getByRole('button', { name: /mei_lin/ })
        .first()
        .click()
      await page.getByRole('button', { name: 'Show all details' }).click()
      await page.getByText('"contentChars"').first().waitFor()
    },
  ],
  [
    'trace cleanup',
    async ({ page, fake }) => {
      await page.goto(`${fake.url}/settings/traces`)
      await page.getByRole('button', { name: 'Clean up' }).click()
      await page.getByRole('dialog').waitFor()
    },
  ],
  [
    'new account',
    async ({ page, fake }) => {
      await page.goto(`${fake.url}/settings/users`)
      await page.getByRole('button', { name: 'New account' }).click()
      await page.getByRole('dialog').waitFor()
    },
  ],
  [
    'login',
    async ({ page, fake }) => {
      fake.state.current = null
      await page.goto(`${fake.url}/login`)
      await page.getByLabel('User name').waitFor()
    },
  ],
  [
    'register',
    async ({ page, fake }) => {
      await page.goto(`${fake.url}/register`)
      await page.getByLabel('Password again').waitFor()
    },
  ],
  [
    'share page',
    async ({ page, fake }) => {
      await page.goto(`${fake.url}/share/nothing`)
      await page.getByText('leads nowhere').waitFor()
    },
  ],
]

it('axe finds nothing on any screen in either theme', async () => {
  const v = await visit(browser, { users, chats: 4, tokenMs: 1 }, { reducedMotion: 'reduce' })
  v.fake.state.connections.push(connection)
  const found: string[] = []
  for (const [name, reach] of screens) {
    if (name === 'keys' && lacks('axe on the sheet of keys')) continue
    await reach(v)
    for (const colorScheme of ['light', 'dark'] as const) {
      await v.page.emulateMedia({ colorScheme })
      await v.page.locator(`html[data-theme=${colorScheme}]`).waitFor()
      found.push(...(await findings(v.page)).map((line) => `${name}, ${colorScheme}: ${line}`))
    }
  }
  expect(found.join('\n')).toBe('')
  expect(v.complaints).toEqual([])
  await v.end()
}, 180_000)

needs('coarse pointer')('every control on a touch screen can be hit', async () => {
  const v = await visit(
    browser,
    { users, chats: 4, tokenMs: 1 },
    { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, reducedMotion: 'reduce' },
  )
  v.fake.state.connections.push(connection)
  const found: string[] = []
  for (const [name, reach] of screens) {
    await reach(v)
    found.push(...(await smallTargets(v.page)).map((line) => `${name}: ${line}`))
    expect(await v.page.evaluate(() => document.documentElement.scrollWidth), name).toBe(390)
  }
  expect(found.join('\n')).toBe('')
  expect(v.complaints).toEqual([])
  await v.end()
}, 120_000)
