// Makes the pictures of the README from the native server: BINARY and CHROMIUM name the two programs, the argument the folder.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { answer, reasoning } from './fake/answer.mjs'

const folder = process.argv[2]
const dataDir = await mkdtemp(join(tmpdir(), 'aichat-pictures-'))
const provider = createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  for (const delta of [{ reasoning_content: reasoning }, { content: answer }])
    response.write(`data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`)
  response.end('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
})
await new Promise((resolve) => provider.listen(0, '127.0.0.1', resolve))
const server = spawn(process.env.BINARY, [], {
  env: { DATA_DIR: dataDir, HOST: '127.0.0.1', PORT: '0', AICHAT_SETUP_CODE: 'picture-setup-code' },
  stdio: ['ignore', 'pipe', 'ignore'],
})
const url = await new Promise((resolve) => {
  let said = ''
  server.stdout.on('data', (part) => {
    said += part
    const found = /Listening on (\S+)/.exec(said)
    if (found) resolve(found[1])
  })
})
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
})
try {
  const desktop = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 }, colorScheme: 'light' })
  const page = await desktop.newPage()
  await page.goto(url)
  const call = (path, body) =>
    page.evaluate(
      async ([target, json]) =>
        (await fetch(target, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: json })).json(),
      [path, JSON.stringify(body)],
    )
  await call('/api/auth/register', { username: 'lin', password: 'correct horse battery', setupCode: 'picture-setup-code' })
  const connection = await call('/api/connections', {
    name: 'Workstation',
    provider: 'openai',
    baseUrl: `http://127.0.0.1:${provider.address().port}/v1`,
    authType: 'none',
    local: true,
    modelIds: ['qwen3-32b'],
  })
  for (const title of [
    'Notes for the release',
    'A letter to the landlord',
    '周末去哪里爬山',
    'Why is the sky dark at night',
    'Explain hash tables with a small example',
  ]) {
    const session = await call('/api/sessions', { title, connectionId: connection.id, model: 'qwen3-32b' })
    await call('/api/chat/completion', { sessionId: session.id, content: `${title}, please`, clientMessageId: `picture-${session.id}` })
    await page.goto(`${url}/c/${session.id}`)
  }
  await page.locator('.katex').first().waitFor()
  const shoot = async (target, name) => {
    await target.locator('.hl-keyword').first().waitFor()
    await target.locator('article').first().evaluate((article) => {
      for (let box = article.parentElement; box; box = box.parentElement) if (getComputedStyle(box).overflowY === 'auto') box.scrollTop = 0
    })
    await target.waitForTimeout(500)
    await target.screenshot({ path: join(folder, name) })
  }
  await shoot(page, 'desktop-light.png')
  await page.emulateMedia({ colorScheme: 'dark' })
  await shoot(page, 'desktop-dark.png')
  const phone = await browser.newContext({
    locale: 'en-US',
    viewport: { width: 390, height: 844 },
    isMobile: true,
    hasTouch: true,
    storageState: await desktop.storageState(),
  })
  const small = await phone.newPage()
  await small.goto(page.url())
  await shoot(small, 'phone.png')

  for (const username of ['mei', 'jonas', 'sofia'])
    await fetch(`${url}/api/auth/register`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: url },
      body: JSON.stringify({ username, password: 'correct horse battery' }),
    })
  for (const username of ['amara', 'tomas', 'xiaoyu']) await call('/api/users', { username })
  await page.emulateMedia({ colorScheme: 'light' })
  await page.goto(`${url}/settings/users`)
  await page.getByText('xiaoyu').first().waitFor()
  await page.waitForTimeout(500)
  await page.screenshot({ path: join(folder, 'administration.png') })
} finally {
  await browser.close()
  server.kill('SIGTERM')
  provider.close()
  await new Promise((resolve) => server.on('exit', resolve))
  await rm(dataDir, { recursive: true, force: true })
}
