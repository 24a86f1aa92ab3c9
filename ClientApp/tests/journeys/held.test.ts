import type { Browser, Page } from 'playwright-core'
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newDataDir, removeDataDir, startServer, type Server } from './binary'
import { firstAccount, launch } from './browser'

/** A proxy as virus scanners and companies have it: an event stream is held back until it ends. Answers by itself when told to. */
async function startProxy(server: string) {
  let instead: ((request: IncomingMessage, response: ServerResponse) => boolean) | null = null
  const proxy = createServer((request, response) => {
    if (instead?.(request, response)) return void request.resume()
    const onward = forward(server + (request.url ?? '/'), { method: request.method, headers: request.headers }, (answer) => {
      const isStream = (answer.headers['content-type'] ?? '').startsWith('text/event-stream')
      if (!isStream) {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        return void answer.pipe(response)
      }
      const held: Buffer[] = []
      answer.on('data', (chunk: Buffer) => held.push(chunk))
      answer.on('end', () => response.writeHead(answer.statusCode ?? 502, answer.headers).end(Buffer.concat(held)))
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    answer: (with_: typeof instead) => (instead = with_),
    close: () => proxy.close(),
  }
}

describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('behind a proxy that interferes', () => {
  let browser: Browser
  let server: Server
  let dataDir: string
  let page: Page
  let proxy: Awaited<ReturnType<typeof startProxy>>

  beforeAll(async () => {
    browser = await launch()
    dataDir = await newDataDir()
    server = await startServer(dataDir)
    proxy = await startProxy(server.url)
    page = await (await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 } })).newPage()
    await firstAccount(page, proxy.url)
    await page.goto(proxy.url)
  })
  afterAll(async () => {
    await browser.close()
    proxy.close()
    await server.stop()
    await removeDataDir(dataDir)
  })

  const box = () => page.getByRole('textbox', { name: 'Write a message' })
  const busy = () => page.locator('article[aria-busy=true]')
  const send = async (text: string) => {
    await box().fill(text)
    await page.getByRole('button', { name: 'Send', exact: true }).click()
  }

  it('shows an answer while it is written, although the stream is held back', async () => {
    await send('/long 700')
    await busy().getByText('word21', { exact: false }).first().waitFor({ timeout: 12_000 })
    expect(await busy().count()).toBe(1)
    await page.getByRole('button', { name: 'Stop' }).click()
    await busy().waitFor({ state: 'detached' })
    const words = (await page.getByRole('article', { name: 'Assistant' }).last().innerText()).match(/word\d+/g) ?? []
    expect(new Set(words).size).toBe(words.length)
  })

  it('says that an answer came from something else, with the line to set', async () => {
    proxy.answer((request, response) => {
      if (request.url !== '/api/images' && request.url !== '/api/chat/stream') return false
      const status = request.url === '/api/images' ? 413 : 200
      response.writeHead(status, { 'Content-Type': 'text/html' }).end('<html><title>Please log in</title></html>')
      return true
    })
    const png = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')
    await page.locator('input[type=file]').first().setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: png })
    await page.getByText('client_max_body_size 48m;', { exact: false }).first().waitFor()
    await page.getByRole('button', { name: 'Remove the image' }).click()
    await send('And now?')
    await page.getByText('Something in front of the server answered instead of it', { exact: false }).waitFor()
    proxy.answer(null)
    await page.getByRole('button', { name: 'Retry' }).click()
    await busy().waitFor({ state: 'detached', timeout: 40_000 })
    await page.getByText('And now?').first().waitFor()
  })
})
