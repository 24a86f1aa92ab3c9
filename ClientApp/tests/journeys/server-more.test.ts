import { readFile } from 'node:fs/promises'
import { createServer, type Server as Provider } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newDataDir, removeDataDir, startServer, type Server } from './binary'
import { firstAccount, launch, watch } from './browser'

const diagram =
  '```mermaid\nflowchart LR\n  accTitle: How an answer is made\n  A[Question] --> B{Allowed?}\n  B --> C[Answer]\n```\n\nThat is all'
const models = Array.from({ length: 230 }, (_, at) => `model-${String(at).padStart(3, '0')}`)

/** The number of answers that the provider has begun. */
let answered = 0

/** Answers with a diagram, and with an error to "fail". */
function startProvider(): Promise<Provider> {
  const provider = createServer((request, response) => {
    const parts: Buffer[] = []
    request
      .on('data', (part: Buffer) => parts.push(part))
      .on('end', () => {
        if (request.url?.endsWith('/models'))
          return response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ data: models.map((id) => ({ id })) }))
        const { messages } = JSON.parse(Buffer.concat(parts).toString()) as { messages: { content: unknown }[] }
        if (JSON.stringify(messages.at(-1)).includes('fail'))
          return response.writeHead(400, { 'Content-Type': 'application/json' }).end('{"error":{"message":"no such luck"}}')
        response.writeHead(200, { 'Content-Type': 'text/event-stream' })
        for (const line of [...diagram.split(/(?<=\n)/), `, for the ${++answered}. time.`])
          response.write(`data: ${JSON.stringify({ choices: [{ delta: { content: line } }] })}\n\n`)
        return response.end(
          'data: {"choices":[{"delta":{},"finish_reason":"stop"}],' +
            '"usage":{"prompt_tokens":812,"completion_tokens":31}}\n\ndata: [DONE]\n\n',
        )
      })
  })
  return new Promise((resolve) => provider.listen(0, '127.0.0.1', () => resolve(provider)))
}

// The same on the real server as on the fake one, whose policies and records are its own.
describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('diagrams, traces and many models on the real server', () => {
  let browser: Browser
  let provider: Provider
  let server: Server
  let dataDir: string
  let page: Page
  let complaints: string[]

  const call = (method: string, path: string, body: unknown) => page.evaluate(async ([verb, address, text]) => {
    const response = await fetch(address ?? '', { method: verb ?? '', headers: { 'Content-Type': 'application/json' }, body: text ?? '' })
    if (!response.ok) throw new Error(`${address}: ${response.status} ${await response.text()}`)
  }, [method, path, JSON.stringify(body)])

  beforeAll(async () => {
    browser = await launch()
    provider = await startProvider()
    dataDir = await newDataDir()
    server = await startServer(dataDir)
    page = await (await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 } })).newPage()
    complaints = watch(page)
    await firstAccount(page, server.url)
    const baseUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`
    await call('POST', '/api/connections', {
      name: 'Workstation',
      provider: 'openai',
      baseUrl,
      authType: 'none',
      local: true,
      modelIds: models,
    })
    await page.goto(server.url)
  })
  afterAll(async () => {
    await browser.close()
    await server.stop()
    provider.close()
    await removeDataDir(dataDir)
  })

  const picker = () => page.getByRole('button', { name: /Choose a model/ })
  async function ask(text: string) {
    await page.getByRole('textbox', { name: 'Write a message' }).fill(text)
    await page.keyboard.press('Enter')
    await page
      .getByRole('article', { name: 'Assistant' })
      .last()
      .getByRole('button', { name: 'About this answer' })
      .waitFor({ timeout: 40_000 })
  }

  it('offers every model in the picker and a hundred at a time in the settings', async () => {
    await picker().click()
    await page.getByRole('option').first().waitFor()
    expect(await page.getByRole('group', { name: 'Workstation' }).getByRole('option').count()).toBe(models.length)
    await page.getByRole('combobox', { name: 'Search by name, id or provider' }).fill('model-229')
    await expect.poll(() => page.getByRole('option').count()).toBe(1)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Choose a model: model-229' }).waitFor()

    await page.goto(`${server.url}/settings/models`)
    const rows = page.getByRole('main').getByRole('switch')
    const more = page.getByRole('button', { name: 'Show more' })
    await more.waitFor()
    expect(await rows.count()).toBe(100)
    await more.click()
    await expect.poll(() => rows.count()).toBe(200)
    await more.click()
    await page.getByRole('switch', { name: 'Offered: model-229' }).waitFor()
    expect(await more.count()).toBe(0)
    // The search covers all models, not only those shown.
    await page.reload()
    await more.waitFor()
    await page.getByRole('searchbox', { name: 'Search by name, id or provider' }).fill('model-22')
    await expect.poll(() => rows.count()).toBe(10)
    expect(await more.count()).toBe(0)
    expect(complaints).toEqual([])
  })

  it('draws a diagram in its sandbox, again after a reload, and asks nobody else', async () => {
    const foreign: string[] = []
    page.context().on('request', (request) => {
      if (!request.url().startsWith(server.url) && !request.url().startsWith('blob:')) foreign.push(request.url())
    })
    await page.goto(server.url)
    await ask('Draw it')
    const image = page.getByRole('img', { name: 'Diagram: How an answer is made' })
    await image.waitFor()
    expect(await page.locator('iframe').evaluateAll((all) => all.map((one) => one.getAttribute('sandbox')))).toEqual(['allow-scripts'])
    await page.reload()
    await image.waitFor()
    expect(await image.evaluate((one: HTMLImageElement) => one.decode().then(() => one.naturalWidth))).toBeGreaterThan(50)
    await page.getByRole('button', { name: 'Source' }).click()
    expect(await page.locator('figure.code pre').innerText()).toContain('B{Allowed?}')
    expect(foreign).toEqual([])
    expect(complaints).toEqual([])
  })

  it('shows all kept versions of an answer', async () => {
    await call('PATCH', '/api/settings/system', { assistantReplyHistoryLimit: 2 })
    await page.goto(server.url)
    await ask('Once more')
    const answer = page.getByRole('article', { name: 'Assistant' }).last()
    for (let again = 0; again < 3; again++) {
      await answer.hover()
      const next = `That is all, for the ${answered + 1}. time.`
      await page.getByRole('button', { name: 'Answer again', exact: true }).click()
      await answer.getByText(next).waitFor()
      await answer.getByRole('button', { name: 'About this answer' }).waitFor()
      await page.getByText('2 / 2', { exact: true }).waitFor()
    }
    await page.getByRole('button', { name: 'Version before' }).click()
    await page.getByText('1 / 2', { exact: true }).waitFor()
    expect(complaints).toEqual([])
  })

  it('records a request when asked to, and shows, saves and deletes the trace', async () => {
    await call('PATCH', '/api/settings/system', { taskTraceEnabled: true })
    await page.goto(server.url)
    await page.getByRole('button', { name: 'Options for the answer' }).click()
    await page.getByRole('switch', { name: 'Task trace' }).click()
    await page.keyboard.press('Escape')
    await ask('Record this')
    await page.getByRole('textbox', { name: 'Write a message' }).fill('Now fail')
    await page.keyboard.press('Enter')
    await page.getByText(/no such luck|refused/i).first().waitFor()

    await page.goto(`${server.url}/settings/traces`)
    await page.getByText('Page 1 of 1 · 2 traces').waitFor()
    await page.getByLabel('Status').selectOption('failed')
    await page.getByText('Page 1 of 1 · 1 trace').waitFor()
    await page.getByLabel('Status').selectOption('completed')
    await page.getByText('Page 1 of 1 · 1 trace').waitFor()
    await page.getByRole('main').getByRole('listitem').first().getByRole('button').click()
    await page.getByRole('heading', { name: /^Trace \d+/ }).waitFor()
    for (const type of ['context', 'upstream.request', 'upstream.first', 'persist.final', 'end'])
      await page
        .locator('summary code', { hasText: new RegExp(`^${type}$`) })
        .first()
        .waitFor()
    await page.getByRole('button', { name: 'Show all details' }).click()
    await page.getByText(/"promptTokens": 812/).first().waitFor()
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export as text' }).click()])
    const text = await readFile(await file.path(), 'utf8')
    expect(text).toContain('model-229')
    expect(text).not.toContain('Record this')
    await page.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('1 trace deleted').waitFor()
    await page.getByText('No trace matches this filter').waitFor()
    await page.getByLabel('Status').selectOption('failed')
    await page.getByText('Page 1 of 1 · 1 trace').waitFor()
    expect(complaints).toEqual([])
  })
})
