import type { Browser, BrowserContext, Page } from 'playwright-core'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Message } from '../../src/lib/api/types'
import { newDataDir, removeDataDir, setupCode, startServer, type Server } from './binary'
import { launch, needs, watch } from './browser'
import { startWire, type Wire } from './wire'

const account = { username: 'lin', password: 'correct horse battery' }
const words = Array.from({ length: 120 }, (_, at) => `word ${at} 词🙂${at % 17 === 0 ? '\n\n' : ' '}`)
const whole = words.join('')

/** A provider that sends half of its answer, and the rest on request. */
async function startProvider() {
  const waiting = new Set<ServerResponse>()
  const say = (response: ServerResponse, parts: string[]) => {
    for (const content of parts) response.write(`data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`)
  }
  const provider = {
    url: '',
    asked: 0,
    running: () => waiting.size,
    finish,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  function finish() {
    for (const response of waiting) {
      say(response, words.slice(60))
      response.end('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    }
    waiting.clear()
  }
  const server = createServer((request, response) => {
    if (request.url?.endsWith('/models'))
      return response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ data: [{ id: 'tiny-1' }] }))
    provider.asked++
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    say(response, words.slice(0, 60))
    waiting.add(response)
    return response.on('close', () => waiting.delete(response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  provider.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  return provider
}

const call = <T = unknown>(page: Page, method: string, path: string, body?: unknown) =>
  page.evaluate(
    async ([verb, address, text]) => {
      const response = await fetch(address ?? '', {
        method: verb ?? 'GET',
        headers: { 'Content-Type': 'application/json' },
        ...(text === null ? {} : { body: text ?? '' }),
      })
      const said = await response.text()
      if (!response.ok) throw new Error(`${address}: ${response.status} ${said}`)
      return (said === '' ? null : JSON.parse(said)) as unknown
    },
    [method, path, body === undefined ? null : JSON.stringify(body)],
  ) as Promise<T>

const box = (page: Page) => page.getByRole('textbox', { name: 'Write a message' })
const mine = (page: Page) => page.getByRole('article', { name: 'You' })
const answers = (page: Page) => page.getByRole('article', { name: 'Assistant' })
/** Waits until the page's attempt to renew an old login is over; it would clear the cookies. */
const ready = (page: Page) => page.getByLabel('User name').waitFor()
const half = (page: Page) => page.locator('article[aria-busy=true]').getByText('word 58').waitFor({ timeout: 20_000 })
const finished = (page: Page) => page.locator('article[aria-busy=true]').waitFor({ state: 'detached', timeout: 30_000 })

describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('on several devices, over cuts and restarts', () => {
  let browser: Browser
  let server: Server
  let dataDir: string
  let wire: Wire
  let provider: Awaited<ReturnType<typeof startProvider>>
  let context: BrowserContext
  let page: Page

  beforeAll(async () => {
    browser = await launch()
    dataDir = await newDataDir()
    server = await startServer(dataDir)
    wire = await startWire(Number(new URL(server.url).port))
    provider = await startProvider()
    context = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 } })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: wire.url })
    page = await context.newPage()
    await page.goto(wire.url)
    await ready(page)
    await call(page, 'POST', '/api/auth/register', { ...account, setupCode })
    const { id } = await call<{ id: number }>(page, 'POST', '/api/connections', {
      name: 'Paced',
      provider: 'openai',
      baseUrl: provider.url,
      authType: 'none',
      local: true,
      modelIds: ['tiny-1'],
    })
    await call(page, 'PUT', '/api/catalog/models', { connectionId: id, model: 'tiny-1', isDefault: true })
  })
  afterEach(() => provider.finish())
  afterAll(async () => {
    await browser.close()
    await server.stop()
    provider.close()
    wire.close()
    await removeDataDir(dataDir)
  })

  const chat = () => new URL(page.url()).pathname.split('/').at(-1) ?? ''
  const stored = async () => (await call<{ items: Message[] }>(page, 'GET', `/api/sessions/${chat()}/messages`)).items
  const chatOpen = () => page.waitForURL(/\/c\/\d+$/)
  async function offline(on: boolean) {
    if (on) wire.cut()
    else wire.mend()
    await context.setOffline(on)
  }
  /** The exact text of the answer on the page. */
  async function copied() {
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText())
    await page.evaluate(() => navigator.clipboard.writeText(''))
    await answers(page).last().getByRole('button', { name: 'Copy', exact: true }).click()
    await expect.poll(clipboard).not.toBe('')
    return clipboard()
  }
  async function ask(text: string) {
    await page.goto(wire.url)
    await box(page).fill(text)
    await page.keyboard.press('Enter')
    await chatOpen()
    await half(page)
  }

  it('shows one answer live on two devices, and stops it from the other one', async () => {
    const phone = await (await browser.newContext({ locale: 'en-US' })).newPage()
    const complaints = [watch(page), watch(phone)]
    await phone.goto(wire.url)
    await ready(phone)
    await call(phone, 'POST', '/api/auth/login', account)
    await ask('first')
    await phone.goto(page.url())
    await half(phone)
    provider.finish()
    for (const device of [page, phone]) await device.getByText('word 119').waitFor()
    expect(await copied()).toBe(whole)

    // The phone shows what is asked at the desk without being touched.
    await box(page).fill('second')
    await page.keyboard.press('Enter')
    await half(page)
    await half(phone)
    await mine(phone).getByText('second').waitFor()
    await phone.getByRole('button', { name: 'Stop' }).click()
    for (const device of [page, phone]) await device.getByText('You stopped this answer.').waitFor()
    await expect.poll(() => provider.running()).toBe(0)
    expect((await stored()).at(-1)?.status).toBe('stopped')
    for (const device of [page, phone]) expect([await mine(device).count(), await answers(device).count()]).toEqual([2, 2])
    expect(complaints.flat()).toEqual([])
    await phone.context().close()
  })

  it('has the whole answer after the network failed in the middle of it', async () => {
    await ask('over a cut')
    await offline(true)
    await page.getByText('Connection lost').waitFor()
    provider.finish()
    await box(page).fill('typed meanwhile')
    await offline(false)
    await finished(page)
    const last = (await stored()).at(-1)
    expect(last?.content).toBe(whole)
    expect(await copied()).toBe(last?.content)
    expect([await mine(page).count(), await answers(page).count()]).toEqual([1, 1])
    expect(await box(page).inputValue()).toBe('typed meanwhile')
    await page.reload()
    await page.getByText('word 119').waitFor()
    expect(await copied()).toBe(last?.content)
  })

  needs('body at once')('sends again under the same id, whether the question or its answer was lost', async () => {
    await ask('before')
    provider.finish()
    await finished(page)
    const ids: string[] = []
    page.on('request', (request) => {
      if (request.url().endsWith('/api/chat/stream')) ids.push((request.postDataJSON() as { clientMessageId: string }).clientMessageId)
    })
    const { asked } = provider

    // The request never arrives; the page gives up, and the person tries again.
    await offline(true)
    await box(page).fill('said in a tunnel')
    await page.keyboard.press('Enter')
    await page.getByText(/^Not sent/).waitFor({ timeout: 30_000 })
    await offline(false)
    await page.getByRole('button', { name: 'Retry' }).click()
    await half(page)
    provider.finish()
    await finished(page)
    expect(ids.length).toBeGreaterThan(1)
    expect(new Set(ids).size).toBe(1)

    // The request arrives and its response does not: the next attempt finds the run that has begun.
    ids.length = 0
    await page.evaluate(() => {
      const real = globalThis.fetch
      globalThis.fetch = async (...args) => {
        const response = await real(...args)
        if (!String(args[0]).endsWith('/api/chat/stream')) return response
        globalThis.fetch = real
        await response.body?.cancel()
        throw new TypeError('Failed to fetch')
      }
    })
    await box(page).fill('heard, but not answered')
    await page.keyboard.press('Enter')
    await half(page)
    provider.finish()
    await finished(page)
    expect(ids.length).toBe(2)
    expect(new Set(ids).size).toBe(1)
    expect(provider.asked).toBe(asked + 2)
    expect((await stored()).map((message) => message.content)).toEqual([
      'before',
      whole,
      'said in a tunnel',
      whole,
      'heard, but not answered',
      whole,
    ])
    expect([await mine(page).count(), await answers(page).count()]).toEqual([3, 3])
  })

  it('shows what a killed server left, keeps the typed text, and continues', async () => {
    await ask('over a restart')
    await box(page).fill('typed while the server was away')
    // The draft is stored after the text of the answer, so once it is stored both survive the kill.
    await expect
      .poll(async () => (await call<{ text: string }>(page, 'GET', `/api/drafts/${chat()}`)).text)
      .toBe('typed while the server was away')
    const port = Number(new URL(server.url).port)
    await server.stop('SIGKILL')
    await page.getByText('Connection lost').waitFor()
    server = await startServer(dataDir, port)
    await page.getByText('The server stopped while this answer was written.').waitFor({ timeout: 30_000 })
    expect(await page.getByRole('button', { name: 'Continue' }).count()).toBe(1)
    expect(await page.getByRole('button', { name: 'Retry' }).count()).toBe(1)
    expect(await box(page).inputValue()).toBe('typed while the server was away')
    expect([await mine(page).count(), await answers(page).count()]).toEqual([1, 1])
    await page.getByRole('button', { name: 'Continue' }).click()
    await expect.poll(() => provider.running()).toBe(1)
    provider.finish()
    await page.getByText('word 119').waitFor()
    await finished(page)
    const after = await stored()
    expect(after.map((message) => message.status)).toEqual(['done', 'done'])
    expect(await copied()).toBe(after.at(-1)?.content)
    expect([await mine(page).count(), await answers(page).count()]).toEqual([1, 1])
    expect(await box(page).inputValue()).toBe('typed while the server was away')
  })
})
