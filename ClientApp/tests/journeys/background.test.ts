import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

interface Told {
  title: string
  body: string
  data: string
}
/** A page that records its notifications and can be put into the background. */
interface Background {
  told: Told[]
  asked: number
  background(hidden: boolean): void
}

async function stub(page: Page) {
  await page.addInitScript(() => {
    if (origin === 'null') return // the blank document that Firefox shows between two others; it has no storage
    const notes = { told: [] as unknown[], asked: 0, hidden: false }
    let permission = sessionStorage.getItem('permission') ?? 'default'
    const show = (title: string, options: NotificationOptions) =>
      notes.told.push({ title, body: options.body, data: options.data as unknown })
    // eslint-disable-next-line @typescript-eslint/no-extraneous-class -- it stands for the browser's own class
    class Stub {
      constructor(title: string, options: NotificationOptions) {
        show(title, options)
      }
      static get permission() {
        return permission
      }
      static requestPermission() {
        notes.asked++
        permission = 'granted'
        sessionStorage.setItem('permission', permission)
        return Promise.resolve(permission)
      }
    }
    Object.defineProperty(globalThis, 'Notification', { value: Stub })
    ServiceWorkerRegistration.prototype.showNotification = (title, options = {}) => Promise.resolve(void show(title, options))
    Object.defineProperty(document, 'hidden', { get: () => notes.hidden })
    Object.assign(globalThis, notes, { told: notes.told, background: (hidden: boolean) => {
      notes.hidden = hidden
      document.dispatchEvent(new Event('visibilitychange'))
    } })
    Object.defineProperty(globalThis, 'asked', { get: () => notes.asked })
  })
}
const told = (page: Page) => page.evaluate(() => (globalThis as unknown as Background).told)
const background = (page: Page, hidden: boolean) => page.evaluate((on) => (globalThis as unknown as Background).background(on), hidden)

async function answered(page: Page, text: string, hold: (on: boolean) => void) {
  hold(true)
  await page.getByRole('textbox', { name: 'Write a message' }).fill(text)
  await page.keyboard.press('Enter')
  await page.locator('article[aria-busy=true]').getByRole('heading', { name: 'How it works' }).waitFor()
  const path = new URL(page.url()).pathname
  await page.goto(new URL('/', page.url()).href)
  await page.getByRole('heading', { name: /Hello lin/ }).waitFor()
  await background(page, true)
  hold(false)
  return path
}

it('notifies of an answer in the background once that is switched on, and opens it', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page } = v
  const hold = (on: boolean) => { v.fake.state.hold = on }
  await stub(page)
  await page.goto(v.fake.url)
  await answered(page, 'not asked for', hold)
  await page.getByRole('navigation').getByRole('img', { name: 'Answer finished' }).waitFor()
  expect(await told(page)).toEqual([])
  expect(await page.evaluate(() => (globalThis as unknown as Background).asked)).toBe(0)

  await background(page, false)
  await page.goto(`${v.fake.url}/settings/appearance`)
  await page.getByRole('switch', { name: 'Tell me when an answer is ready' }).click()
  expect(await page.evaluate(() => (globalThis as unknown as Background).asked)).toBe(1)
  await page.goto(v.fake.url)
  const path = await answered(page, 'a question about secrets', hold)
  await expect
    .poll(() => told(page), { timeout: 15_000 })
    .toEqual([{ title: 'a question about secrets', body: 'Answer finished', data: v.fake.url + path }])

  // The worker's message when the notification is clicked.
  await page.evaluate((open) => navigator.serviceWorker.dispatchEvent(new MessageEvent('message', { data: { open } })), v.fake.url + path)
  await page.waitForURL(v.fake.url + path)
  await page.getByRole('link', { name: 'the article' }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('offers a newer version, and reloads into it only when asked', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page } = v
  await page.goto(v.fake.url)
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  await page.reload()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  expect(await page.getByText('A newer version is ready').count()).toBe(0)
  v.fake.state.worker = '\n// another build\n'
  await page.getByRole('textbox', { name: 'Write a message' }).fill('half a thought')
  await page.evaluate(() => navigator.serviceWorker.getRegistration().then((one) => one?.update()).then(() => undefined))
  await page.getByText('A newer version is ready').waitFor()
  await page.evaluate(() => Object.assign(globalThis, { old: true }))
  await page.getByRole('button', { name: 'Reload' }).click()
  await page.waitForFunction(() => !('old' in globalThis))
  await expect.poll(() => page.getByRole('textbox', { name: 'Write a message' }).inputValue()).toBe('half a thought')
  expect(await page.getByText('A newer version is ready').count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})
