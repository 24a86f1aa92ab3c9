// The measuring half of bench-start, in Node because a shell cannot poll every millisecond.
const { spawn, spawnSync } = require('node:child_process')
const { mkdtempSync, readFileSync, rmSync, statSync } = require('node:fs')
const http = require('node:http')
const { createServer } = require('node:net')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

const { BINARY, CHROMIUM, FILL } = process.env
const STARTS = 11
const LARGE_STARTS = 5
const IDLE_MS = 10_000
/** Long enough for the server to see that it is at rest. */
const REST_MS = 15_000
const QUIET_MS = 1_000
const SETUP_CODE = 'bench-setup-code'
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

function healthy(port) {
  return new Promise((resolve) => {
    const request = http.get({ port, host: '127.0.0.1', path: '/api/health', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('error', () => resolve(false))
  })
}

/** Starts the server on a folder and waits for its first 200. */
async function start(dataDir) {
  const port = await freePort()
  const began = performance.now()
  const child = spawn(BINARY, [], { env: { PORT: String(port), HOST: '127.0.0.1', DATA_DIR: dataDir, AICHAT_SETUP_CODE: SETUP_CODE }, stdio: 'ignore' })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  while (!(await healthy(port))) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`)
    await wait(1)
  }
  const ms = performance.now() - began
  return { ms, port, child, stop: () => (child.kill('SIGTERM'), ended), kill: () => (child.kill('SIGKILL'), ended) }
}

/** A gigabyte of messages in a database that the server has made. */
function fillGigabyte(dataDir) {
  const sql = `
    insert into users (id, username, username_key, role, status, created_at) values (1000, 'bench', 'bench', 'USER', 'ACTIVE', 0);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000)
    insert into sessions (id, user_id, title, created_at, updated_at) select 100000 + i, 1000, 'Chat ' || i, i, i from n;
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 250000)
    insert into messages (session_id, role, content, status, created_at) select 100001 + i % 1000, 'user', hex(randomblob(2000)), 'done', i from n;
    insert into messages_text (rowid, owner, content) select max(id), 'end', 'end' from messages; -- or a start would index them all`
  const { status, stderr } = spawnSync(FILL, [join(dataDir, 'app.db')], { input: sql })
  if (status !== 0) throw new Error(`the database could not be filled: ${stderr}`)
}

/** Starts on a large database, after a clean end and after a kill. */
async function largeStarts(home) {
  const dataDir = join(home, 'large')
  await (await start(dataDir)).stop()
  fillGigabyte(dataDir)
  const times = { clean: [], killed: [] }
  await (await start(dataDir)).stop() // warm: what was just written is on its way to the disk
  for (let i = 0; i < LARGE_STARTS; i++) {
    const server = await start(dataDir)
    times.clean.push(server.ms)
    await firstLogin(server.port, `bench${i}`) // something for the log
    await server.kill()
    const again = await start(dataDir)
    times.killed.push(again.ms)
    await again.stop()
  }
  return { megabytes: statSync(join(dataDir, 'app.db')).size / 1e6, ...times }
}

function rssMegabytes(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1000
}

/** Loads the page in Chromium with an empty cache and sums what came over the wire. */
async function firstPage(port) {
  const { chromium } = require('../ClientApp/node_modules/playwright-core')
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--headless=new', '--no-sandbox', '--disable-gpu'] })
  const types = new Map()
  const sum = { requests: 0, bytes: 0, script: 0 }
  try {
    const page = await browser.newPage()
    const session = await page.context().newCDPSession(page)
    session.on('Network.responseReceived', (event) => types.set(event.requestId, event.type))
    session.on('Network.loadingFinished', (event) => {
      sum.requests++
      sum.bytes += event.encodedDataLength
      if (types.get(event.requestId) === 'Script') sum.script += event.encodedDataLength
    })
    await session.send('Network.enable')
    await page.goto(`http://127.0.0.1:${port}/`, { waitUntil: 'load' })
    // The requests after the load event follow at once; with an open stream the network never becomes idle.
    for (let since = performance.now(), seen = -1; performance.now() - since < QUIET_MS; await wait(50)) {
      if (sum.requests !== seen) [since, seen] = [performance.now(), sum.requests]
    }
    return sum
  } finally {
    await browser.close()
  }
}

/** Makes the first account and logs it in, which takes two password hashes. */
async function firstLogin(port, username = 'bench') {
  const account = { username, password: 'relay-9z8y7x-speed' }
  const isFirst = username === 'bench'
  for (const path of isFirst ? ['register', 'token'] : ['register']) {
    const body = JSON.stringify(isFirst && path === 'register' ? { ...account, setupCode: SETUP_CODE } : account)
    const response = await fetch(`http://127.0.0.1:${port}/api/auth/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    if (!response.ok) throw new Error(`${path} answered ${response.status}`)
    await response.arrayBuffer()
  }
}

async function main() {
  const row = (name, value, bound) => console.log(`${name.padEnd(46)} ${value.padStart(12)}   (${bound})`)
  row('binary', `${(statSync(BINARY).size / 1e6).toFixed(1)} MB`, '<= 50 MB')

  const home = mkdtempSync(join(tmpdir(), 'aichat-bench-'))
  const times = { fresh: [], again: [] }
  try {
    for (let i = 0; i < STARTS; i++) {
      for (const kind of ['fresh', 'again']) {
        const server = await start(join(home, String(i)))
        times[kind].push(server.ms)
        await server.stop()
      }
    }
    row(`start to first 200, existing folder (median of ${STARTS})`, `${median(times.again).toFixed(0)} ms`, '<= 150 ms')
    row(`start to first 200, empty folder (median of ${STARTS})`, `${median(times.fresh).toFixed(0)} ms`, 'for comparison')

    const large = await largeStarts(home)
    row(`the same with ${large.megabytes.toFixed(0)} MB of data (median of ${LARGE_STARTS})`, `${median(large.clean).toFixed(0)} ms`, '<= 150 ms')
    row('the same after a kill', `${median(large.killed).toFixed(0)} ms`, '<= 150 ms')

    const server = await start(join(home, '0'))
    try {
      await wait(IDLE_MS)
      row('memory when idle (RSS after 10 s)', `${rssMegabytes(server.child.pid).toFixed(1)} MB`, '<= 60 MB')
      const page = await firstPage(server.port)
      row('first page: script, compressed', `${(page.script / 1000).toFixed(1)} kB`, '<= 150 kB')
      row('first page: everything', `${(page.bytes / 1000).toFixed(1)} kB`, 'for comparison')
      row('first page: requests', String(page.requests), '<= 10')
      await firstLogin(server.port)
      await wait(REST_MS)
      row(`memory when idle again after a login (RSS after ${REST_MS / 1000} s)`, `${rssMegabytes(server.child.pid).toFixed(1)} MB`, '<= 60 MB')
    } finally {
      await server.stop()
    }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

main()
