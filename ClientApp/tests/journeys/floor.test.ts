import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { newDataDir, removeDataDir, setupCode, startServer, type Server } from './binary'

// The oldest WebKit that can be had, WPE 2.38, is a Safari 16.0 to a page: below the oldest that is promised.
const driverPath = '/usr/bin/WPEWebDriver'
const libraries = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`
const browserPath = `${libraries}/wpe-webkit-1.1/MiniBrowser`

let driver: ChildProcess
let base: string
let dataDir: string
let server: Server

beforeAll(async () => {
  for (const path of [driverPath, browserPath]) if (!existsSync(path)) throw new Error(`${path} is missing; ./scripts/test installs it`)
  dataDir = await newDataDir()
  const port = await freePort()
  driver = spawn(driverPath, [`--port=${port}`], { stdio: 'ignore' })
  const answering = answers(`http://127.0.0.1:${port}/status`)
  server = await startServer(dataDir)
  await answering
  const { sessionId } = await command<{ sessionId: string }>('POST', `http://127.0.0.1:${port}/session`, {
    capabilities: { alwaysMatch: { 'wpe:browserOptions': { binary: browserPath, args: ['--headless', '--automation'] } } },
  })
  base = `http://127.0.0.1:${port}/session/${sessionId}`
})
afterAll(async () => {
  if (base) await command('DELETE', base).catch(() => undefined) // the browser may be gone with its last window
  driver?.kill()
  await server?.stop()
  await removeDataDir(dataDir)
})

it('is drawn and works in a Safari of 2022: set-up, first account, first chat, a formula', async () => {
  await command('POST', `${base}/url`, { url: `${server.url}/setup#setup=${setupCode}` })
  await shown('button[type=submit]')
  expect(await run('return navigator.userAgent')).toContain('Version/16.')
  // It is not taken for a browser that is too old, and the button has its colour.
  expect(await run("return getComputedStyle(document.querySelector('#unable')).display")).toBe('none')
  expect(await run("return getComputedStyle(document.querySelector('button[type=submit]')).backgroundColor")).not.toBe('rgba(0, 0, 0, 0)')

  await type('input[autocomplete=username]', 'lin')
  for (const one of await elements('input[type=password]')) await keys(one, 'correct horse battery')
  await press('button[type=submit]')
  await until('the step of the provider', "return location.pathname === '/setup' && !document.querySelector('input[type=password]')")

  await command('POST', `${base}/url`, { url: `${server.url}/` })
  await shown('textarea')
  // The demo model's answer has a formula. There is no mouse, so Enter would make a line; the button sends.
  await type('textarea', '/fast Hello')
  await press('button[type=submit]:not([disabled])')
  await until('the formula', "return document.querySelector('article .katex') !== null")
  await until('the end of the answer', "return location.pathname.startsWith('/c/') && !document.querySelector('article[aria-busy=true]')")
  expect(await run("return document.querySelector('article .katex annotation').textContent")).toContain('e^{i\\pi}')
})

async function command<T>(method: string, url: string, body?: unknown): Promise<T> {
  const response = await fetch(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const { value } = (await response.json()) as { value: T }
  if (!response.ok) throw new Error(`${method} ${url}: ${JSON.stringify(value)}`)
  return value
}

const run = <T>(script: string, ...args: unknown[]) => command<T>('POST', `${base}/execute/sync`, { script, args })

const elements = async (css: string) => {
  const found = await command<Record<string, string>[]>('POST', `${base}/elements`, { using: 'css selector', value: css })
  return found.map((one) => Object.values(one)[0])
}

const shown = (css: string) => until(css, 'return document.querySelector(arguments[0])?.offsetParent != null', css)

const keys = (element: string | undefined, text: string) => command('POST', `${base}/element/${element}/value`, { text })

async function type(css: string, text: string): Promise<void> {
  await keys((await elements(css))[0], text)
}

const press = async (css: string) => command('POST', `${base}/element/${(await elements(css))[0]}/click`, {})

/** The driver reports no changes of a page, so it is asked again until the script says yes. */
const until = (what: string, script: string, ...args: unknown[]) =>
  expect.poll(() => run<boolean>(script, ...args).catch(() => false), { timeout: 20_000, interval: 100, message: what }).toBe(true)

const answers = (url: string) =>
  vi.waitFor(async () => {
    if (!(await fetch(url)).ok) throw new Error(`${url} does not answer`)
  }, { timeout: 15_000 })

async function freePort(): Promise<number> {
  const socket = createServer()
  await new Promise<void>((resolve) => socket.listen(0, '127.0.0.1', resolve))
  const { port } = socket.address() as AddressInfo
  await new Promise((resolve) => socket.close(resolve))
  return port
}
