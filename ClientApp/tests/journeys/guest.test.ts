import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newDataDir, removeDataDir, setupCode, startServer, type Server } from './binary'
import { launch, watch } from './browser'

const password = 'correct horse battery'

describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('a visitor without an account', () => {
  let browser: Browser
  let server: Server
  let dataDir: string

  beforeAll(async () => {
    browser = await launch()
    dataDir = await newDataDir()
    server = await startServer(dataDir)
    const headers = (cookie = '') => ({ 'Content-Type': 'application/json', Origin: server.url, Cookie: cookie })
    const made = await fetch(`${server.url}/api/auth/register`, {
      method: 'POST',
      headers: headers(),
      body: JSON.stringify({ username: 'lin', password, setupCode }),
    })
    const cookie = made.headers
      .getSetCookie()
      .map((set) => set.split(';')[0])
      .join('; ')
    const set = await fetch(`${server.url}/api/settings/system`, {
      method: 'PATCH',
      headers: headers(cookie),
      body: JSON.stringify({ anonymousDailyQuota: 3 }),
    })
    expect(set.status).toBe(200)
  })
  afterAll(async () => {
    await browser.close()
    await server.stop()
    await removeDataDir(dataDir)
  })

  it('chats at once, finds the chat again, and takes it into an account', async () => {
    const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 } })
    const page = await context.newPage()
    const complaints = watch(page)
    await page.goto(server.url)
    await page.getByRole('textbox', { name: 'Write a message' }).fill('/fast As a guest')
    await page.keyboard.press('Enter')
    await page.getByRole('article').nth(1).waitFor()
    await page.locator('article[aria-busy=true]').waitFor({ state: 'detached', timeout: 40_000 })
    await page.reload()
    await page.getByRole('article').nth(1).waitFor()

    await page.getByRole('button', { name: 'Account menu' }).click()
    await page.getByRole('menuitem', { name: 'Log in' }).waitFor()
    await page.keyboard.press('Escape')
    // Also in the header, where a visitor sees it.
    await page.getByRole('link', { name: 'Log in' }).click()
    await page.getByLabel('User name').fill('lin')
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('link', { name: /As a guest/ }).first().waitFor()
    expect(complaints).toEqual([])
    await context.close()
  })
})
