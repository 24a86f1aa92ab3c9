import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

it('opens without a network, reads what is loaded, and keeps no text of a chat', async () => {
  const v = await visit(browser, { chats: 3, tokenMs: 1 })
  const { page } = v
  await page.goto(v.fake.url)
  await page.getByRole('textbox', { name: 'Write a message' }).fill('Explain hash tables')
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: 'the article' }).waitFor()
  await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))

  await v.context.setOffline(true)
  await page.getByText('No connection. What is loaded stays readable.').waitFor()
  await page.getByRole('heading', { name: 'How it works' }).waitFor()
  await page.getByRole('link', { name: 'New chat', exact: true }).first().click()
  await page.goBack()
  await page.getByRole('heading', { name: 'How it works' }).waitFor()
  await v.context.setOffline(false)
  await page.getByText('No connection.').waitFor({ state: 'detached' })

  const kept = await page.evaluate(async () => {
    const found: string[] = []
    for (const name of await caches.keys())
      for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname)
    return found
  })
  expect(kept).toContain('/')
  expect(kept.filter((path) => !/^\/($|assets\/|icon\.svg$)/.test(path))).toEqual([])

  // Without the server the page still opens, and works again when the server does.
  v.fake.close()
  await page.reload()
  await page.getByText('The server cannot be reached').waitFor()
  expect(v.complaints.filter((line) => !/ERR_|Failed to (fetch|load)/.test(line))).toEqual([])
  await v.context.close()
})

it('has a manifest with icons that exist', async () => {
  const v = await visit(browser)
  await v.page.goto(v.fake.url)
  const manifest = (await (await v.page.request.get(`${v.fake.url}/manifest.webmanifest`)).json()) as {
    icons: { src: string }[]
    start_url: string
  }
  expect(manifest.start_url).toBe('./')
  for (const icon of manifest.icons)
    expect((await v.page.request.get(new URL(icon.src, `${v.fake.url}/`).href)).status(), icon.src).toBe(200)
  await v.end()
})
