import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { User } from '../../src/lib/api/types'
import { startFake, type Fake } from '../fake/server.mjs'
import { axePath, axeSource } from './axe'
import { setupCode } from './binary'
import { engine, type Engine } from './engines'

export const admin: User = {
  id: 1,
  username: 'lin',
  role: 'ADMIN',
  status: 'ACTIVE',
  avatarUrl: null,
  createdAt: '2026-11-20T08:00:00.000Z',
}

export { engine, lacks, launch, needs } from './engines'

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
  fake.state.files.set(axePath, axeSource)
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', ...device })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000) // three engines share the machine
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

/** What an engine or its driver writes to the console of any page; it tells nothing about this one. */
const chatter: Record<Engine, RegExp[]> = {
  chromium: [],
  firefox: [
    // A page was left while a font was on its way.
    /^downloadable font: download failed .*status=2152398850/,
    // A screenshot sets a style of Playwright's own.
    /blocked an inline style \(style-src-elem\).*sha256-YjaKGiklmzC6wjXA513HAMmzus8VE61XCOT\+SmwNZWA=/,
  ],
  webkit: [
    // What this engine does not know it leaves out.
    /^Unrecognized Content-Security-Policy directive 'manifest-src'/,
    /^Viewport argument key "interactive-widget" not recognized/,
    // Harmless: what a list measured is drawn in the next frame.
    /^ResizeObserver loop completed with undelivered notifications/,
    // A page was left while its worker or an answer of the server was on its way.
    /^Cannot load http:.*\/sw\.js due to access control checks\.$/,
    /^Fetch API cannot load http:.*\/api\/.* due to access control checks\.$/,
    // On a slow machine what was asked for ahead comes into use late.
    /was preloaded using link preload but not used within a few seconds/,
  ],
}

/** Collects console errors, exceptions and CSP violations. */
export function watch(page: Page): string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    const text = message.text()
    // A refused request is written to the console by the browser itself; the page handles it.
    if (['error', 'warning'].includes(message.type()) && !text.startsWith('Failed to load resource'))
      if (!chatter[engine].some((one) => one.test(text))) complaints.push(text)
  })
  page.on('pageerror', (error) => {
    // The driver takes what stands before the first colon for the name of an error.
    if (!chatter[engine].some((one) => one.test(error.message) || one.test(String(error)))) complaints.push(String(error))
  })
  return complaints
}
