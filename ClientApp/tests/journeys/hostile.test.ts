import type { Browser, Page } from 'playwright-core'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newDataDir, removeDataDir, startServer, type Server } from './binary'
import { firstAccount, launch, watch } from './browser'
import { payloads } from './payloads'

const perChat = 90
const port = (server: HttpServer) => (server.address() as AddressInfo).port
const listen = (server: HttpServer) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

// Nothing a model or a person writes runs, and nothing is fetched from elsewhere.
describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('hostile text', () => {
  let browser: Browser
  let server: Server
  let dataDir: string
  let page: Page
  let complaints: string[]
  let connectionId = 0
  const foreign: string[] = []
  const outsideSaw: string[] = []
  const outside = createServer((request, response) => {
    outsideSaw.push(request.url ?? '')
    response.end()
  })
  let chunks: string[] = []
  const provider = createServer((request, response) => {
    let body = ''
    request.on('data', (part: Buffer) => (body += part.toString()))
    request.on('end', () => {
      const text = chunks[Number(/#(\d+)#/.exec(body)?.[1] ?? 0)] ?? ''
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      const say = (delta: object) => response.write(`data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`)
      say({ reasoning_content: text })
      for (let at = 0; at < text.length; at += 7) say({ content: text.slice(at, at + 7) })
      response.end('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    })
  })

  const call = (method: string, path: string, body: unknown) =>
    page.evaluate(async ([verb, target, json]) => {
      const response = await fetch(target, { method: verb, headers: { 'Content-Type': 'application/json' }, body: json })
      const text = await response.text()
      if (!response.ok) throw new Error(`${verb} ${target}: ${text}`)
      return JSON.parse(text || '{}') as { id: number }
    }, [method, path, JSON.stringify(body)] as const)

  beforeAll(async () => {
    await Promise.all([listen(outside), listen(provider)])
    const all = payloads(`127.0.0.1:${port(outside)}`)
    chunks = Array.from({ length: Math.ceil(all.length / perChat) }, (_, i) => all.slice(i * perChat, (i + 1) * perChat).join('\n\n'))
    expect(all.length).toBeGreaterThanOrEqual(300)
    browser = await launch()
    dataDir = await newDataDir()
    server = await startServer(dataDir)
    page = await (await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 } })).newPage()
    complaints = watch(page)
    page.on('dialog', (dialog) => complaints.push(`dialog: ${dialog.message()}`))
    page.on('request', (request) => {
      if (!request.url().startsWith(server.url) && !request.url().startsWith('blob:')) foreign.push(request.url())
    })
    await firstAccount(page, server.url)
    const connection = await call('POST', '/api/connections', {
      name: '<img src=x onerror=window.__pwned=1>',
      provider: 'openai',
      baseUrl: `http://127.0.0.1:${port(provider)}/v1`,
      authType: 'none',
      local: true,
      modelIds: ['hostile'],
    })
    connectionId = connection.id
    await call('PUT', '/api/catalog/models', { connectionId, model: 'hostile', name: '<svg onload=window.__pwned=1>', isDefault: true })
  })
  afterAll(async () => {
    await browser.close()
    await server.stop()
    provider.close()
    outside.close()
    await removeDataDir(dataDir)
  })

  it('does not run and fetches nothing, as question, answer, reasoning or title', async () => {
    for (const [i, chunk] of chunks.entries()) {
      const session = await call('POST', '/api/sessions', {
        title: '"><img src=x onerror=window.__pwned=1>',
        connectionId,
        model: 'hostile',
      })
      await page.goto(`${server.url}/c/${session.id}`)
      await page.getByRole('textbox', { name: 'Write a message' }).fill(`#${i}#\n${chunk}`)
      await page.keyboard.press('Enter')
      await page.getByText(/Thought/).first().waitFor()
      await page.locator('article[aria-busy=true]').waitFor({ state: 'detached', timeout: 40_000 })
      await page.getByText(/Thought/).first().click()
      expect(await page.getByRole('article', { name: 'Assistant' }).innerText()).toContain('window.__pwned=1')
      const links = await page.locator('a[href]').evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).protocol))
      expect(links.filter((protocol) => !['http:', 'https:', 'mailto:'].includes(protocol))).toEqual([])
      expect(await page.locator('article').locator('script, iframe, object, embed, form, base, meta, link, video, audio').count()).toBe(0)
    }
    expect(await page.evaluate(() => (window as { __pwned?: number }).__pwned)).toBeUndefined()
    expect(foreign).toEqual([])
    expect(outsideSaw).toEqual([])
    expect(complaints).toEqual([])
  }, 180_000)
})
