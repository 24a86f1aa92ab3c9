// Starts and stops the measured processes: the fake provider, and nginx and AiChat in front of it.
const { spawn } = require('node:child_process')
const { mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } = require('node:fs')
const { createServer } = require('node:net')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

const { BINARY, TOOLS } = process.env
const PROSE = join(TOOLS, 'prose')
const TICKS_PER_SECOND = 100 // USER_HZ on every Linux that .NET runs on
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const children = new Set()

/** Every child is stopped with this process, however it ends. */
function launch(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options })
  children.add(child)
  child.ended = new Promise((resolve) => child.on('exit', (code) => (children.delete(child), resolve(code))))
  return child
}

function endAll() {
  for (const child of children) child.kill('SIGKILL')
}
process.on('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function firstLine(child, pattern) {
  let text = ''
  for await (const piece of child.stdout) {
    text += piece
    const match = pattern.exec(text)
    if (match) {
      child.stdout.resume()
      return match[1]
    }
  }
  throw new Error(`it ended with ${await child.ended} and said: ${text}`)
}

/** A process and its children: CPU seconds used so far, and memory. */
function usage(pid) {
  const fields = (id) => readFileSync(`/proc/${id}/stat`, 'utf8').split(') ')[1].split(' ')
  const family = [pid, ...readdirSync('/proc').filter((id) => {
    try {
      return /^\d+$/.test(id) && Number(fields(id)[1]) === pid
    } catch {
      return false
    }
  })]
  let cpu = 0
  let rss = 0
  for (const id of family) {
    const stat = fields(id)
    cpu += (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND
    rss += Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))[1])
  }
  return { cpu, rssKb: rss }
}

/** Waits until a server has done what it puts off, such as indexing: seconds in which it does nothing. */
async function settled({ pid }) {
  for (let quiet = 0, before = usage(pid).cpu, seconds = 0; (quiet < 3 || seconds < 6) && seconds < 60; seconds++) {
    await wait(1_000)
    const { cpu } = usage(pid)
    quiet = cpu - before > 0.025 ? 0 : quiet + 1
    before = cpu
  }
}

/** The largest memory in kB since the last call with this process, or since its start. */
function peak(pid) {
  const kb = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  return kb
}

async function startProvider() {
  const child = launch(join(TOOLS, 'provider'), [PROSE])
  const port = Number(await new Promise((resolve) => child.stdout.once('data', resolve)))
  return { port, pid: child.pid, stop: () => (child.kill(), child.ended) }
}

/** How many files a process may open here. */
const descriptors = () => /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))[1]

async function startNginx(providerPort) {
  const home = mkdtempSync(join(tmpdir(), 'aichat-bench-nginx-'))
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${home}/${name};`).join('\n')
  writeFileSync(join(home, 'nginx.conf'), `
    daemon off; pid ${home}/pid; error_log stderr crit; worker_processes auto; worker_rlimit_nofile ${descriptors()};
    ${process.getuid() === 0 ? 'user root;' : ''}
    events { worker_connections 25000; }
    http {
      access_log off; ${temporary}
      upstream provider { server 127.0.0.1:${providerPort}; keepalive 4096; }
      server {
        listen 127.0.0.1:${port} backlog=8192;
        location / { proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
      }
    }`)
  const child = launch('nginx', ['-c', join(home, 'nginx.conf'), '-p', home])
  await until(() => answers(port, '/v1/models'), child)
  return { name: 'nginx', port, pid: child.pid, stop: () => end(child, home, 'SIGTERM') }
}

/** Passes variables of the .NET runtime to the server, for experiments. */
const runtime = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('DOTNET_')))

const SETUP_CODE = 'bench-setup-code'

/** Without a provider no account and no connection is created; the caller creates them. */
async function startAiChat(providerPort, variables = {}) {
  const home = mkdtempSync(join(tmpdir(), 'aichat-bench-'))
  mkdirSync(join(home, 'data'))
  const child = launch(BINARY, [], {
    env: { PORT: '0', HOST: '127.0.0.1', DATA_DIR: join(home, 'data'), LOG_LEVEL: 'none', METRICS_TOKEN: 'bench-metrics-token-0123456789', AICHAT_SETUP_CODE: SETUP_CODE, ...runtime, ...variables },
  })
  try {
    const port = Number(await firstLine(child, /^Listening on http:\/\/[^:]+:(\d+)/m))
    const server = { name: 'AiChat', port, pid: child.pid, wal: join(home, 'data', 'app.db-wal'), stop: () => end(child, home, 'SIGTERM') }
    if (providerPort) await prepare(server, providerPort)
    return server
  } catch (error) {
    await end(child, home, 'SIGKILL')
    throw error
  }
}

/** The first account (or the one that is there), limits out of the way, and a connection to the fake provider. */
async function prepare(server, providerPort, known) {
  const account = known ?? { username: 'bench', password: 'relay-9z8y7x-speed' }
  if (!known) await call(server, 'POST', '/api/auth/register', { ...account, setupCode: SETUP_CODE })
  server.provider = providerPort
  server.token = (await call(server, 'POST', '/api/auth/token', account)).accessToken
  await call(server, 'PATCH', '/api/settings/system', { requestsPerMinute: 0, maxRunsPerUser: 0, defaultUserDailyQuota: -1 })
  const connection = await call(server, 'POST', '/api/connections', {
    name: 'bench', provider: 'openai', baseUrl: `http://127.0.0.1:${providerPort}/v1`, authType: 'none', local: true, modelIds: MODELS,
  })
  server.connectionId = connection.id
}

/** The models of all scenarios: tokens, the milliseconds between them, the characters of each. */
const MODELS = [
  'bench-1-0', 'bench-1-0-2000', 'bench-20-0', 'bench-500-0', 'bench-2000-0', 'bench-60-50', 'bench-100-50', 'bench-500-50', 'bench-2400-50',
  'bench-200-25', 'bench-30-250', 'bench-60-250', 'bench-30-500', 'bench-20-1500',
]

async function call(server, method, path, body) {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: { ...(server.token && { authorization: `Bearer ${server.token}` }), 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`)
  return text ? JSON.parse(text) : null
}

/** The value of one of AiChat's own counters. */
async function metric(server, name) {
  const response = await fetch(`http://127.0.0.1:${server.port}/metrics`, { headers: { authorization: 'Bearer bench-metrics-token-0123456789' } })
  const match = new RegExp(`^${name} (\\S+)$`, 'm').exec(await response.text())
  if (!match) throw new Error(`/metrics answered ${response.status} without ${name}`)
  return Number(match[1])
}

async function answers(port, path) {
  try {
    return (await fetch(`http://127.0.0.1:${port}${path}`)).ok
  } catch {
    return false
  }
}

async function until(condition, child) {
  while (!(await condition())) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    await wait(10)
  }
}

async function end(child, home, signal) {
  child.kill(signal)
  const late = setTimeout(() => child.kill('SIGKILL'), 30_000)
  const code = await child.ended
  clearTimeout(late)
  rmSync(home, { recursive: true, force: true })
  return code
}

module.exports = { PROSE, SETUP_CODE, freePort, startProvider, startNginx, startAiChat, prepare, peak, call, metric, usage, settled, launch, wait }
