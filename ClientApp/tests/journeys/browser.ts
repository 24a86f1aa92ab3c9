import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import type { User } from '../../src/lib/api/types'
import { startFake, type Fake } from '../fake/server.mjs'
import { setupCode } from './binary'

export const admin: User = {
  id: 1,
  username: 'lin',
  role: 'ADMIN',
  status: 'ACTIVE',
  avatarUrl: null,
  createdAt: '2026-11-20T08:00:00.000Z',
}

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })

export interface Visit {
  fake: Fake
  page: Page
  context: BrowserContext
  /** Console errors, exceptions and CSP violations; must stay empty. */
  complaints: string[]
  end(): Promise<void>
}

export async function visit(
  browser: Browser,
  options: Parameters<typeof startFake>[0] = {},
  device: Parameters<Browser['newContext']>[0] = {},
): Promise<Visit> {
  const fake = await startFake({ users: [admin], ...options })
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', ...device })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const complaints = watch(page)
  return {
    fake,
    page,
    context,
    complaints,
    end: async () => {
      await context.close()
      fake.close()
    },
  }
}

/** Opens a new server's page and makes its first account. */
export async function firstAccount(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.getByLabel('User name').waitFor() // the page's attempt to renew an old login is over; it would clear the cookies
  await page.evaluate(async (body) => {
    const response = await fetch('/api/auth/register', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
    if (!response.ok) throw new Error(`register: ${response.status} ${await response.text()}`)
  }, JSON.stringify({ username: 'lin', password: 'correct horse battery', setupCode }))
}

/** Collects console errors, exceptions and CSP violations. */
export function watch(page: Page): string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    // A refused request is written to the console by the browser itself; the page handles it.
    if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  return complaints
}
