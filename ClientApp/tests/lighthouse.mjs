// The measuring half of scripts/lighthouse: BINARY and CHROMIUM name the two programs, the arguments the pages to measure.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import lighthouse, { desktopConfig } from 'lighthouse'
import { chromium } from 'playwright-core'
import { answer, reasoning } from './fake/answer.mjs'

const least = 95
const wanted = process.argv.slice(2)
const categories = ['performance', 'accessibility', 'best-practices', 'seo']

/** A provider that answers with every kind of block the page can draw. */
function startProvider() {
  const provider = createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    for (const delta of [{ reasoning_content: reasoning }, { content: answer }])
      response.write(`data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`)
    response.end('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
  })
  return new Promise((resolve) => provider.listen(0, '127.0.0.1', () => resolve(provider)))
}

function startServer(dataDir) {
  const server = spawn(process.env.BINARY, [], {
    env: { DATA_DIR: dataDir, HOST: '127.0.0.1', PORT: '0', AICHAT_SETUP_CODE: 'picture-setup-code' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return new Promise((resolve, reject) => {
    let said = ''
    server.stdout.on('data', (part) => {
      said += part
      const url = /Listening on (\S+)/.exec(said)?.[1]
      if (url) resolve({ server, url })
    })
    server.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)))
  })
}

/** Creates an administrator and a chat of three turns; returns the chat's path and the cookies of the login. */
async function prepare(url, providerPort) {
  let cookies = ''
  async function call(path, body) {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: url, Cookie: cookies },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    const given = response.headers.getSetCookie().map((one) => one.split(';')[0])
    if (given.length > 0) cookies = given.join('; ')
    return response.json()
  }
  await call('/api/auth/register', { username: 'lin', password: 'correct horse battery', setupCode: 'picture-setup-code' })
  const connection = await call('/api/connections', {
    name: 'Workstation',
    provider: 'openai',
    baseUrl: `http://127.0.0.1:${providerPort}/v1`,
    authType: 'none',
    local: true,
    modelIds: ['qwen3-32b'],
  })
  const session = await call('/api/sessions', { title: 'Explain hash tables', connectionId: connection.id, model: 'qwen3-32b' })
  for (let turn = 1; turn <= 3; turn++)
    await call('/api/chat/completion', { sessionId: session.id, content: 'Explain hash tables', clientMessageId: `turn-${turn}` })
  return { chat: `/c/${session.id}`, cookies }
}

/** One line for every audit that took points, or that failed without any. */
function losses(report, category) {
  return report.categories[category].auditRefs
    .map(({ id, weight }) => ({ id, weight, audit: report.audits[id] }))
    .filter(({ audit }) => audit.score !== null && audit.score < 0.9)
    .map(
      ({ weight, audit }) => `       ${category}: ${audit.title}${audit.displayValue ? ` (${audit.displayValue})` : ''}, weight ${weight}`,
    )
}

async function measure(browserPort, name, url, cookies) {
  let good = true
  for (const [device, config] of [
    ['phone', undefined],
    ['desktop', desktopConfig],
  ]) {
    const result = await lighthouse(
      url,
      {
        port: browserPort,
        onlyCategories: categories,
        extraHeaders: cookies ? { Cookie: cookies } : {},
        logLevel: 'error',
        disableStorageReset: false,
      },
      config,
    )
    if (!result || result.lhr.runtimeError) throw new Error(`${name}, ${device}: ${result?.lhr.runtimeError?.message ?? 'no report'}`)
    const { lhr } = result
    // The measured page must be the requested one, not the login page in place of a chat.
    if (new URL(lhr.finalDisplayedUrl).pathname !== new URL(url).pathname) throw new Error(`${name}: ended at ${lhr.finalDisplayedUrl}`)
    const scores = categories.map((category) => [category, Math.round((lhr.categories[category].score ?? 0) * 100)])
    const low = scores.some(([category, score]) => score < least && ['performance', 'accessibility'].includes(category))
    good &&= !low
    console.log(
      `${low ? 'LOW ' : 'ok  '} ${name.padEnd(6)} ${device.padEnd(8)} ` +
        scores.map(([category, score]) => `${category} ${score}`).join('  '),
    )
    for (const [category, score] of scores) if (score < 100) console.log(losses(lhr, category).join('\n'))
  }
  return good
}

const dataDir = await mkdtemp(join(tmpdir(), 'aichat-lighthouse-'))
const provider = await startProvider()
const { server, url } = await startServer(dataDir)
const port = 20_000 + (process.pid % 20_000)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', `--remote-debugging-port=${port}`],
})
try {
  const { chat, cookies } = await prepare(url, provider.address().port)
  const pages = [['login', '/login', ''], ['chat', chat, cookies]].filter(([name]) => wanted.length === 0 || wanted.includes(name))
  for (const [name, path, cookie] of pages) if (!(await measure(port, name, url + path, cookie))) process.exitCode = 1
} finally {
  await browser.close()
  const ended = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGTERM')
  provider.close()
  await ended
  await rm(dataDir, { recursive: true, force: true })
}
