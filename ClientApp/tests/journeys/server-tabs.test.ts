import type { Browser, BrowserContext } from 'playwright-core'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newDataDir, removeDataDir, setupCode, startServer, type Server } from './binary'
import { launch, watch } from './browser'

const tabs = [...Array(8).keys()]

/** An OpenAI-compatible provider that sends half of every answer and holds the rest until it is released. */
async function startProvider() {
  let letGo: () => void = () => undefined
  const released = new Promise<void>((resolve) => (letGo = resolve))
  const asked: string[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ data: [{ id: 'tiny' }] }))
      return
    }
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const question = (JSON.parse(body) as { messages: { content: string }[] }).messages.at(-1)?.content ?? ''
    asked.push(question)
    const say = (content: string) => response.write(`data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`)
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    say(`Half of ${question}`)
    await released
    say(`, and the rest of ${question}.`)
    response.end('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked, letGo, close: () => server.close() }
}

// A browser opens six connections to a host over plain HTTP/1.1.
describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('eight tabs on the real server', () => {
  let browser: Browser
  let context: BrowserContext
  let server: Server
  let dataDir: string

  beforeAll(async () => {
    browser = await launch()
    context = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 } })
    dataDir = await newDataDir()
    server = await startServer(dataDir)
  })
  afterAll(async () => {
    await browser.close()
    await server.stop()
    await removeDataDir(dataDir)
  })

  it('get their answers at once, while other requests are answered', async () => {
    const provider = await startProvider()
    const first = await context.newPage()
    const pages = [first, ...await Promise.all(tabs.slice(1).map(() => context.newPage()))]
    const complaints = pages.map(watch)
    await first.goto(server.url)
    await first.getByLabel('User name').waitFor()
    await first.evaluate(
      async ([base, password, setupCode]) => {
        const post = (path: string, body: object) =>
          fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
        await post('/api/auth/register', { username: 'lin', password, setupCode })
        await post('/api/connections', { name: 'Tiny', provider: 'openai', baseUrl: base, authType: 'none', local: true })
      },
      [provider.url, 'correct horse battery', setupCode],
    )

    for (const page of pages) await page.goto(server.url)
    await Promise.all(pages.map(async (page, at) => {
      const box = page.getByRole('textbox', { name: 'Write a message' })
      await box.fill(`question ${at}`)
      await box.press('Enter')
    }))
    await Promise.all(pages.map((page, at) => page.getByText(`Half of question ${at}`).waitFor({ timeout: 30_000 })))
    expect([...provider.asked].sort()).toEqual(tabs.map((at) => `question ${at}`))

    // The provider holds all answers, and no tab waits for another.
    expect(
      await first.evaluate(() =>
        fetch('/api/chat/runs')
          .then((response) => response.json())
          .then((runs: unknown[]) => runs.length),
      ),
    ).toBe(tabs.length)
    for (const page of pages) expect(await page.evaluate(() => fetch('/api/auth/me').then((response) => response.status))).toBe(200)

    provider.letGo()
    for (const [at, page] of pages.entries()) {
      const whole = page.getByText(`Half of question ${at}, and the rest of question ${at}.`)
      await whole.waitFor({ timeout: 30_000 })
      await page.locator('article[aria-busy=true]').waitFor({ state: 'detached', timeout: 30_000 })
      await page.reload()
      await whole.waitFor({ timeout: 30_000 })
      expect(await page.getByRole('article', { name: 'Assistant' }).count()).toBe(1)
    }
    expect(provider.asked.length).toBe(tabs.length)
    expect(complaints.flat()).toEqual([])
    provider.close()
  })
})
