// Two servers on one PostgreSQL, each with half of the load, beside one server on its file with all of it: processor time.
const { execFileSync } = require('node:child_process')
const { mkdtempSync, readdirSync, readFileSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { call, freePort, settled, startAiChat, usage, wait } = require('./servers.cjs')

const PROGRAMS = join('/usr/lib/postgresql', readdirSync('/usr/lib/postgresql').sort().at(-1) ?? '', 'bin')
const MASTER_KEY = Buffer.alloc(32, 9).toString('base64')

/** PostgreSQL on a disk and with the settings of its package, but for the port; it refuses root. */
async function startPostgres() {
  const home = mkdtempSync(join(tmpdir(), 'aichat-bench-postgres-'))
  const isRoot = process.getuid() === 0
  const run = (program, ...args) => {
    const path = join(PROGRAMS, program)
    const [command, ...rest] = isRoot ? ['runuser', '-u', 'postgres', '--', path, ...args] : [path, ...args]
    execFileSync(command, rest, { stdio: 'ignore', cwd: '/' })
  }
  if (isRoot) execFileSync('chown', ['postgres', home])
  const data = join(home, 'data')
  const port = await freePort()
  run('initdb', '--pgdata', data, '--encoding=UTF8', '--locale=C.UTF-8', '--auth=trust', '--username=postgres')
  run('pg_ctl', 'start', '--wait', '--pgdata', data, '--log', join(home, 'log'), '--options', `-p ${port} -h 127.0.0.1 -c unix_socket_directories=`)
  return {
    images: join(home, 'images'),
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    pid: Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]),
    stop: () => (run('pg_ctl', 'stop', '--mode=fast', '--pgdata', data), rmSync(home, { recursive: true, force: true })),
  }
}

async function startNode(postgres, provider) {
  const port = await freePort()
  return startAiChat(provider, {
    PORT: String(port), NODE_URL: `http://127.0.0.1:${port}`, DATABASE_URL: postgres.url, CHAT_IMAGE_DIR: postgres.images, AICHAT_MASTER_KEY: MASTER_KEY,
  })
}

/** Both halves at once; what each server and PostgreSQL used of the processor for it, what they put off included. */
async function halves(servers, postgres, scenario, { load, askAiChat }) {
  const { tokens, gapMs, streams, atOnce, rampMs } = scenario
  const warm = servers.map(async (server) => load(['stream', server.port, 'aichat', 40, 10, 0, 20], await askAiChat(server, 'bench-20-0', 40)))
  await Promise.all(warm)
  const half = streams / servers.length
  const lines = []
  for (const server of servers) lines.push(await askAiChat(server, `bench-${tokens}-${gapMs}`, half))
  for (const server of servers) await settled(server)
  const parts = [...servers, postgres]
  const before = parts.map(({ pid }) => usage(pid).cpu)
  const begun = performance.now()
  const results = await Promise.all(servers.map((server, i) =>
    load(['stream', server.port, 'aichat', half, atOnce / servers.length, rampMs, tokens], lines[i])))
  const seconds = (performance.now() - begun) / 1000
  for (const server of servers) await settled(server)
  const used = parts.map(({ pid }, i) => usage(pid).cpu - before[i])
  const database = used.pop()
  const sum = (key) => results.reduce((total, result) => total + result[key], 0)
  return {
    nodes: used.reduce((total, one) => total + one, 0), database, seconds, tokens: sum('tokens'), finished: sum('finished'), errors: sum('errors'),
    firstError: results.map(({ firstError }) => firstError).find(Boolean),
    firstP99: Math.max(...results.map(({ firstP99 }) => firstP99)), gapP99: Math.max(...results.map(({ gapP99 }) => gapP99)),
  }
}

/** The scenario on one server with its file, which runs already, and on two with PostgreSQL. */
async function nodes(single, scenario, tools) {
  const one = await tools.relay(single, scenario)
  const postgres = await startPostgres()
  const servers = []
  try {
    servers.push(await startNode(postgres, tools.provider))
    servers.push(await startNode(postgres))
    Object.assign(servers[1], { token: servers[0].token, connectionId: servers[0].connectionId })
    await call(servers[1], 'GET', '/api/catalog/models')
    await wait(1_500) // the second learns of the connection
    const two = await halves(servers, postgres, scenario, tools)
    const each = scenario.tokens > 1 ? { cpuPerToken: (two.nodes * 1e6) / two.tokens } : { cpuPerAnswer: ((two.nodes + two.database) * 1e6) / two.finished }
    return {
      ...two, ...each, scenario: scenario.name, server: '2 nodes', errors: one.errors + two.errors,
      timesOne: scenario.tokens > 1 ? each.cpuPerToken / one.cpuPerToken : each.cpuPerAnswer / one.cpuPerAnswer,
      cores: two.database / two.seconds,
    }
  } finally {
    for (const server of servers) await server.stop()
    postgres.stop()
  }
}

module.exports = { MASTER_KEY, PROGRAMS, nodes, startPostgres }
