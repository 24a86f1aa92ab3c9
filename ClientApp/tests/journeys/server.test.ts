import type { Browser, BrowserContext, Page } from 'playwright-core'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newDataDir, removeDataDir, setupCode, startServer, type Server } from './binary'
import { launch, watch } from './browser'

const password = 'correct horse battery'

/** An OpenAI-compatible provider over real HTTP. */
async function startProvider() {
  const server = createServer((request, response) => {
    if (request.url?.endsWith('/models')) {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ data: [{ id: 'tiny-1' }, { id: 'tiny-2' }] }))
      return
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    const words = ['Hello', ' from', ' the', ' **provider**', '.']
    for (const word of words) response.write(`data: ${JSON.stringify({ choices: [{ delta: { content: word } }] })}\n\n`)
    response.end('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, close: () => server.close() }
}

describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('the page on the real server', () => {
  let browser: Browser
  let server: Server
  let dataDir: string
  let context: BrowserContext
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    browser = await launch()
    dataDir = await newDataDir()
    server = await startServer(dataDir)
    context = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 } })
    page = await context.newPage()
    complaints = watch(page)
  })
  afterAll(async () => {
    await browser.close()
    await server.stop()
    await removeDataDir(dataDir)
  })

  const finished = () => page.locator('article[aria-busy=true]').waitFor({ state: 'detached', timeout: 40_000 })
  /** The text of the last answer, with the source of formulas, which are drawn only near the window. */
  const shown = () =>
    page
      .locator('.prose')
      .last()
      .evaluate((prose) => {
        const copy = prose.cloneNode(true) as Element
        for (const formula of copy.querySelectorAll('.math, .math-display'))
          formula.textContent = formula.querySelector('annotation')?.textContent ?? formula.textContent
        return copy.textContent
      })
  const box = () => page.getByRole('textbox', { name: 'Write a message' })

  it('goes from nothing to a streamed, stored answer of the demo model', async () => {
    await page.goto(server.url)
    await page.getByLabel('Setup code').fill(setupCode)
    await page.getByLabel('User name').fill('lin')
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByLabel('Password again').fill(password)
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.getByRole('button', { name: 'Skip and use the demo model' }).click()
    await page.getByText('The demo model is answering').waitFor()
    await box().fill('Show me everything')
    await page.keyboard.press('Enter')
    await page.getByRole('article', { name: 'Assistant' }).waitFor()
    await finished()
    const text = await shown()
    expect(text.length).toBeGreaterThan(40)
    await page.reload()
    await expect.poll(shown, { timeout: 10_000 }).toBe(text)
    const formula = page.locator('.prose .math, .prose .math-display').last()
    await formula.scrollIntoViewIfNeeded()
    await formula.locator('.katex').first().waitFor()
    expect(complaints).toEqual([])
  })

  it('connects a provider through the wizard and answers with it', async () => {
    const provider = await startProvider()
    await page.goto(`${server.url}/setup`)
    await page.getByRole('button', { name: /OpenAI-compatible/ }).click()
    await page.getByLabel('Base URL').fill(provider.url)
    await page.getByLabel(/API key/).fill('sk-test-0123456789')
    await page.getByRole('button', { name: 'Test and continue' }).click()
    await page.getByRole('option', { name: /tiny-2/ }).click()
    await page.getByRole('button', { name: 'Start chatting' }).click()
    await page.getByRole('button', { name: /Choose a model: tiny-2/ }).waitFor()
    await box().fill('Hello?')
    await page.keyboard.press('Enter')
    await page.locator('strong', { hasText: 'provider' }).waitFor()
    await finished()
    await page.reload()
    await expect.poll(() => page.locator('.prose').last().innerText(), { timeout: 10_000 }).toMatch(/^Hello from the provider\.\s*$/)
    expect(complaints).toEqual([])
    provider.close()
  })

  it('goes on after the server was killed in the middle of an answer', async () => {
    await page.goto(server.url)
    await page.getByRole('button', { name: /Choose a model/ }).click()
    await page.getByRole('option').last().click()
    await box().fill('Show me everything once more')
    await page.keyboard.press('Enter')
    await page.locator('.prose').first().waitFor()
    const port = Number(new URL(server.url).port)
    await server.stop('SIGKILL')
    await page.getByText('Connection lost').waitFor()
    server = await startServer(dataDir, port)
    await page.getByText('The server stopped while this answer was written.').waitFor({ timeout: 30_000 })
    await page.getByRole('button', { name: 'Retry' }).click()
    await finished()
    expect(await page.getByText('The server stopped').count()).toBe(0)
  })

  it('lets a registrant in when an administrator approves', async () => {
    const other = await browser.newContext({ locale: 'zh-CN' })
    const theirs = await other.newPage()
    await theirs.goto(`${server.url}/register`)
    await theirs.getByLabel('用户名').fill('mei_lin')
    await theirs.getByLabel('密码', { exact: true }).fill(password)
    await theirs.getByLabel('再次输入密码').fill(password)
    await theirs.getByRole('button', { name: '注册' }).click()
    await theirs.getByRole('heading', { name: '等待批准' }).waitFor()
    await page.goto(`${server.url}/settings/users`)
    await page.getByLabel('1 person is waiting for approval').waitFor()
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.getByText('mei_lin can log in now').waitFor()
    await theirs.getByRole('heading', { name: /mei_lin，想了解什么/ }).waitFor()
    expect(await theirs.getByRole('link', { name: /Show me/ }).count()).toBe(0)
    await other.close()
  })

  it('logs out and in again, and changes the password', async () => {
    await page.goto(`${server.url}/settings/password`)
    await page.getByLabel('Current password').fill('not the password')
    await page.getByLabel('New password').fill(`${password} 2`)
    await page.getByLabel('Password again').fill(`${password} 2`)
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByText('The current password is wrong.').waitFor()
    await page.getByLabel('Current password').fill(password)
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByText('The password is changed.').waitFor()
    await page.getByRole('link', { name: 'Logged-in devices' }).click()
    await page.getByText('This device').waitFor()
    await page.goto(server.url)
    await box().fill('a draft nobody else may read')
    const kept = () => page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))
    expect(await kept()).toContain('a draft')
    expect(await kept()).not.toContain(password)
    expect(await kept()).not.toContain('eyJ')
    await page.getByRole('button', { name: 'Account menu' }).click()
    await page.getByRole('menuitem', { name: 'Log out' }).click()
    await page.getByLabel('User name').waitFor()
    expect(await kept()).not.toContain('a draft')
    await page.getByLabel('User name').fill('LIN')
    await page.getByLabel('Password', { exact: true }).fill(`${password} 2`)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('link', { name: /Show me/ }).first().waitFor()
  })
})
