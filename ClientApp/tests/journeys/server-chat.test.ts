import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newDataDir, removeDataDir, startServer, type Server } from './binary'
import { firstAccount, launch, watch } from './browser'

// The same on the real server as on the fake one: a chat from its first image to its copy.
describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('a chat on the real server', () => {
  let browser: Browser
  let server: Server
  let dataDir: string
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    browser = await launch()
    dataDir = await newDataDir()
    server = await startServer(dataDir)
    page = await (await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 } })).newPage()
    complaints = watch(page)
    await firstAccount(page, server.url)
    await page.goto(server.url)
  })
  afterAll(async () => {
    await browser.close()
    await server.stop()
    await removeDataDir(dataDir)
  })

  const box = () => page.getByRole('textbox', { name: 'Write a message' })
  const mine = () => page.getByRole('article', { name: 'You' })
  const answers = () => page.getByRole('article', { name: 'Assistant' })
  /** Waits until the answer is complete and has its actions. */
  const answered = async () => {
    await answers().last().getByRole('button', { name: 'About this answer' }).waitFor({ timeout: 40_000 })
    await page.locator('article[aria-busy=true]').waitFor({ state: 'detached', timeout: 40_000 })
  }

  it('sends an image, edits with it, and keeps both versions', async () => {
    const png = Buffer.from(await page.evaluate(async () => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 60, height: 40 })
      canvas.getContext('2d')?.fillRect(0, 0, 30, 40)
      const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'))
      return [...new Uint8Array(await (blob ?? new Blob()).arrayBuffer())]
    }))
    await box().waitFor()
    await page.locator('input[type=file]').first().setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: png })
    await page.getByRole('list', { name: 'Added to the message' }).getByRole('img').waitFor()
    await box().fill('What is in the kumquat picture?')
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await answered()
    await mine().hover()
    await page.getByRole('button', { name: 'Edit' }).click()
    await page.getByLabel('Edit the message').fill('And what is in this one?')
    await page.getByRole('button', { name: 'Send', exact: true }).first().click()
    await page.getByText('2 / 2').waitFor()
    await answered()
    const shown = mine().getByRole('img', { name: 'Image' })
    await expect.poll(() => shown.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(60)
    await page.reload()
    await page.getByText('2 / 2').waitFor()
    await page.getByRole('button', { name: 'Version before' }).click()
    await page.getByText('What is in the kumquat picture?').first().waitFor()
    expect(complaints).toEqual([])
  })

  it('answers again, finds words, goes on elsewhere, and deletes there', async () => {
    await answers().last().getByRole('button', { name: 'Answer again', exact: true }).click()
    await answers().last().getByText('2 / 2').waitFor()
    await answered()
    await page.getByRole('button', { name: 'Find in this chat' }).click()
    await page.getByRole('textbox', { name: 'Find in this chat' }).fill('kumquat')
    await page.locator('.find').getByText(/\d+ \/ \d+/).waitFor()
    await page.getByRole('textbox', { name: 'Find in this chat' }).press('Escape')
    const before = page.url()
    await answers().last().getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: 'New chat from here' }).click()
    await page.waitForURL((url) => url.href !== before)
    await answered()
    await mine().last().hover()
    await mine().last().getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: 'Delete from here' }).click()
    await page.getByText('2 messages were deleted').waitFor()
    await page.reload()
    await page.getByText('This chat has no messages yet').waitFor()
    expect(complaints).toEqual([])
  })
})
