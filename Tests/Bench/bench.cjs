// Measures AiChat beside nginx, which only relays the same bytes. Prints one table and exits with 1 when a bound is missed.
const { writeFileSync, mkdtempSync, rmSync } = require('node:fs')
const { cpus, loadavg, tmpdir } = require('node:os')
const { join } = require('node:path')
const { besideBackup, startLarge } = require('./backup.cjs')
const { search, startFilled } = require('./filled.cjs')
const { lone } = require('./lone.cjs')
const { nodes } = require('./nodes.cjs')
const { question, writeProse } = require('./prose.cjs')
const { PROSE, call, launch, metric, settled, startAiChat, startNginx, startProvider, usage, wait } = require('./servers.cjs')
const { relays, SCENARIOS } = require('./scenarios.cjs')

const scratch = mkdtempSync(join(tmpdir(), 'aichat-bench-work-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

const ms = (us) => `${(us / 1000).toFixed(us < 100_000 ? 2 : 0)} ms`
const count = (value) => Math.round(value).toLocaleString('en')
const tenths = (value) => value.toFixed(1)
const COLUMNS = [
  ['scenario', 34, 'scenario', String],
  ['server', 8, 'server', String],
  ['first p50', 10, 'firstP50', ms],
  ['p99', 10, 'firstP99', ms],
  ['gap p50', 9, 'gapP50', ms],
  ['p99', 9, 'gapP99', ms],
  ['tokens/s', 10, 'tokensPerSecond', count],
  ['in one run', 11, 'ratePerRun', count],
  ['CPU us/token', 12, 'cpuPerToken', tenths],
  ['steady', 7, 'cpuSteady', tenths],
  ['us/answer', 9, 'cpuPerAnswer', tenths],
  ['KB/answer', 9, 'allocatedKb', tenths],
  ['RSS KiB/stream', 14, 'rssPerStream', tenths],
  ['commits/s', 9, 'commitsPerSecond', tenths],
  ['commits', 7, 'commits', String],
  ['pages', 6, 'pages', String],
  ['errors', 6, 'errors', String],
]
const line = (of) => console.log(COLUMNS.map((column, i) => (i < 2 ? of(column).padEnd(column[1]) : of(column).padStart(column[1]))).join(' '))
const print = (row) => line(([, , key, show]) => (row[key] === undefined ? '-' : show(row[key])))

const printSearch = (row, { what, found, p50, p95 }) =>
  console.log(`${row.scenario.padEnd(40)} ${what.padEnd(30)} ${ms(p50)} p50, ${ms(p95)} p95, ${found} chats`)

/** AiChat's values as multiples of nginx's, column by column. */
const printRatios = (ours, nginx) => line(([, , key]) => (key === 'scenario' ? '' : key === 'server' ? 'x nginx' : nginx[key] > 0 && ours[key] > 0 ? (ours[key] / nginx[key]).toFixed(2) : ''))

/** Runs the load generator; calls back at its marks and returns its result. */
async function load(args, lines, on = {}) {
  const file = join(mkdtempSync(join(scratch, 'load-')), 'requests')
  writeFileSync(file, lines.map((line) => line.replaceAll('\r', '\\r').replaceAll('\n', '\\n') + '\n').join(''))
  const child = launch(join(process.env.TOOLS, 'load'), [...args.map(String), file, ...(args[0] === 'stream' ? [PROSE] : [])])
  let text = ''
  for await (const piece of child.stdout) {
    text += piece
    for (const mark of ['live', 'ending']) {
      if (on[mark] && text.includes(`${mark}\n`)) {
        const mine = on[mark]
        on[mark] = null
        mine()
      }
    }
  }
  if ((await child.ended) !== 0) throw new Error(`the load generator failed: ${text}`)
  return JSON.parse(text.trim().split('\n').at(-1))
}

const http = (method, path, headers, body) =>
  `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}${body ? `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` : ''}\r\n${body ?? ''}`

/** The same questions for nginx, which relays them unchanged. */
const askProvider = (model, streams, characters) => Array.from({ length: streams }, (_, i) =>
  http('POST', '/v1/chat/completions', '', JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: question(i, characters) }] })))

/** One question in each of many chats, which are created beforehand. */
async function askAiChat(server, model, streams, characters) {
  const make = async (number) => {
    const { id } = await call(server, 'POST', '/api/sessions', { connectionId: server.connectionId, model })
    return http('POST', '/api/chat/stream', `Authorization: Bearer ${server.token}\r\n`,
      JSON.stringify({ sessionId: id, content: question(number, characters), clientMessageId: `bench-${id}` }))
  }
  const requests = []
  while (requests.length < streams) {
    const next = Array.from({ length: Math.min(64, streams - requests.length) }, (_, i) => requests.length + i)
    requests.push(...(await Promise.all(next.map(make))))
  }
  return requests
}

/** What the server has asked its memory manager for so far, and how often that has collected. */
const allocated = async (server) =>
  ({ bytes: await metric(server, 'aichat_allocated_bytes_total'), collections: await metric(server, 'aichat_collections_total') })

async function relay(server, scenario, whileLive = () => {}) {
  const { tokens, gapMs, streams, atOnce, rampMs, characters = 0, asked, whole } = scenario
  const isAiChat = server.name === 'AiChat'
  const kind = isAiChat ? 'aichat' : 'openai'
  const requests = (model, number) => (isAiChat ? askAiChat(server, model, number, asked) : askProvider(model, number, asked))
  await load(['stream', server.port, kind, 40, 10, 0, 20], await requests('bench-20-0', 40)) // warm
  const lines = await requests(`bench-${tokens}-${gapMs}${characters ? `-${characters}` : ''}`, streams)
  await (isAiChat && whole ? settled(server) : wait(1_000))
  const before = usage(server.pid)
  const memory = isAiChat && tokens === 1 ? await allocated(server) : undefined
  let most = before.rssKb
  const watching = setInterval(() => (most = Math.max(most, usage(server.pid).rssKb)), 250)
  const marks = {}
  const mark = (name) => async () => {
    marks[name] = { ...usage(server.pid), at: performance.now() }
    if (isAiChat) marks[name].commits = await metric(server, 'aichat_commits_total')
  }
  const result = await load(['stream', server.port, kind, streams, atOnce, rampMs, characters ? `${tokens}x${characters}` : tokens], lines, { live: () => { mark('live')(); whileLive() }, ending: mark('ending') })
  clearInterval(watching)
  if (isAiChat && whole) await settled(server) // what it puts off is part of the price
  const used = usage(server.pid).cpu - before.cpu
  const memoryAfter = memory && (await allocated(server))
  await wait(100) // the last mark's counter
  const steady = marks.live && marks.ending && streams === atOnce && gapMs > 0 ? (marks.ending.at - marks.live.at) / 1000 : 0
  return {
    ...result,
    scenario: scenario.name,
    server: server.name,
    tokensPerSecond: result.tokens / (result.elapsedUs / 1e6),
    ratePerRun: gapMs === 0 ? result.ratePerRun : undefined,
    cpuPerToken: tokens > 1 ? (used * 1e6) / result.tokens : undefined,
    cpuPerAnswer: tokens === 1 ? (used * 1e6) / result.finished : undefined,
    allocatedKb: memory && (memoryAfter.bytes - memory.bytes) / 1000 / result.finished,
    collectionsPerThousand: memory && ((memoryAfter.collections - memory.collections) * 1000) / result.finished,
    mostKb: most,
    cpuSteady: steady > 0.5 ? ((marks.ending.cpu - marks.live.cpu) * 1e6) / (steady * (1000 / gapMs) * streams) : undefined,
    rssPerStream: streams === atOnce && gapMs > 0 ? (most - before.rssKb) / streams : undefined,
    commitsPerSecond: steady > 0.5 && isAiChat ? (marks.ending.commits - marks.live.commits) / steady : undefined,
  }
}

/** Many readers of one running answer. */
async function attach(server, scenario) {
  const { tokens, gapMs, streams } = scenario
  const [question] = await askAiChat(server, `bench-${tokens}-${gapMs}`, 1)
  const writing = load(['stream', server.port, 'aichat', 1, 1, 0, tokens], [question])
  await wait((tokens * gapMs) / 4)
  const [{ messageId }] = await call(server, 'GET', '/api/chat/runs')
  const before = usage(server.pid)
  const result = await load(['stream', server.port, 'aichat', streams, streams, 0, tokens],
    [http('GET', `/api/chat/stream/${messageId}`, `Authorization: Bearer ${server.token}\r\n`)])
  const used = usage(server.pid).cpu - before.cpu
  const { errors } = await writing
  return {
    ...result, scenario: scenario.name, server: server.name, errors: result.errors + errors,
    tokensPerSecond: result.tokens / (result.elapsedUs / 1e6), cpuPerToken: (used * 1e6) / result.tokens,
  }
}

/** Streams alone, then beside users with long reads. */
async function slowReads(server, scenario) {
  const readers = await scenario.prepare(server, call)
  const alone = await relay(server, scenario)
  let ends = false
  let reads = 0
  const reading = readers.map(async ({ token, paths }) => {
    for (let i = 0; !ends; i++) {
      const response = await fetch(`http://127.0.0.1:${server.port}${paths[i % paths.length]}`, { headers: { authorization: `Bearer ${token}` } })
      await response.arrayBuffer()
      if (response.ok) reads++
    }
  })
  const beside = await relay(server, scenario)
  ends = true
  await Promise.all(reading)
  return { ...beside, gapAlone: alone.gapP99, reads }
}

/** Repeated requests of one page over 32 connections. */
async function reads(server, scenario) {
  const lines = await scenario.prepare(server, { call, http, load, askAiChat })
  await load(['read', server.port, 32, 2], lines) // warm
  const before = usage(server.pid)
  const result = await load(['read', server.port, 32, 5], lines)
  const used = usage(server.pid).cpu - before.cpu
  return {
    scenario: scenario.name, server: server.name, errors: result.errors, firstError: result.firstError,
    gapP50: result.gapP50, gapP99: result.gapP99,
    requestsPerSecond: result.requests / (result.elapsedUs / 1e6), cpuPerRequest: (used * 1e6) / result.requests,
  }
}

async function measured(start, measure, scenario) {
  const server = await start()
  try {
    return await measure(server, scenario)
  } finally {
    await server.stop()
  }
}

const middle = (values) => {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b)
  return sorted.length === values.length ? sorted[Math.floor(sorted.length / 2)] : undefined
}

/** The medians of a server's runs, column by column; of the errors their sum. */
function medians(rows) {
  const keys = Object.keys(rows[0]).filter((key) => rows.every((row) => row[key] === undefined || typeof row[key] === 'number'))
  return {
    ...rows[0], ...Object.fromEntries(keys.map((key) => [key, middle(rows.map((row) => row[key]))])),
    errors: rows.reduce((sum, { errors }) => sum + errors, 0), firstError: rows.map(({ firstError }) => firstError).find(Boolean),
  }
}

function show(row) {
  if (row.requestsPerSecond) console.log(`${row.scenario.padEnd(34)} ${row.server.padEnd(7)} ${count(row.requestsPerSecond)} requests/s, ${ms(row.gapP50)} p50, ${ms(row.gapP99)} p99, ${row.cpuPerRequest.toFixed(0)} CPU us/request, ${row.errors} errors`)
  else if (row.searches) row.searches.forEach((one) => printSearch(row, one))
  else print(row)
  if (row.firstError) console.log(`    first error: ${row.firstError}`)
}

/** Runs a scenario as often as it or the command line says, each time with new servers. */
async function run(scenario, times, verdicts) {
  const measure = { reads, attach, nodes: (server, of) => nodes(server, of, { load, askAiChat, relay, provider: server.provider }), search, lone: (server, of) => lone(server, of, { load, askAiChat }), slow: slowReads, backup: (server, of) => besideBackup(server, of, relay) }[scenario.kind] ?? relay
  const pairs = []
  for (let i = 0; i < (times ?? scenario.runs ?? 1); i++) {
    const provider = await startProvider()
    try {
      const start = { search: () => startFilled(scenario), backup: () => startLarge(scenario, provider.port) }[scenario.kind]
        ?? (() => startAiChat(provider.port, scenario.variables))
      const nginx = relays(scenario) ? await measured(() => startNginx(provider.port), measure, scenario) : null
      const ours = await measured(start, measure, scenario)
      pairs.push({ nginx, ours, bounds: scenario.judge(ours, nginx) })
    } finally {
      await provider.stop()
    }
  }
  const nginx = pairs[0].nginx && medians(pairs.map((pair) => pair.nginx))
  const ours = medians(pairs.map((pair) => pair.ours))
  if (nginx) show(nginx)
  show(ours)
  if (nginx) printRatios(ours, nginx)
  pairs[0].bounds.forEach((bound, i) => verdicts.push({ ...bound, scenario: scenario.name, values: pairs.map(({ bounds }) => bounds[i].value) }))
}

/** One line a bound: whether the median holds, and all values it is the median of. */
function printVerdict({ scenario, what, limit, sign, show, holds, values }) {
  const median = middle(values)
  const good = median !== undefined && holds(median)
  const all = values.length > 1 ? `  of ${values.map((value) => (value === undefined ? '-' : show(value))).join(', ')}` : ''
  console.log(`${good ? 'ok    ' : 'MISSED'} ${scenario.padEnd(38)} ${what.padEnd(40)} ${(median === undefined ? 'not measured' : show(median)).padStart(12)} ${sign} ${show(limit)}${all}`)
  return good
}

async function main() {
  const wanted = process.argv.slice(2)
  const option = wanted.indexOf('--runs')
  const times = option < 0 ? undefined : Number(wanted.splice(option, 2)[1])
  const chosen = SCENARIOS.filter(({ id }) => wanted.length === 0 || wanted.includes(id))
  if (chosen.length === 0 || times < 1 || Number.isNaN(times) || wanted.some((id) => !SCENARIOS.some((scenario) => scenario.id === id))) {
    console.log(`Scenarios: ${SCENARIOS.map(({ id }) => id).join(' ')}`)
    process.exitCode = 2
    return
  }
  writeProse(PROSE)
  console.log(`${cpus().length} cores of ${cpus()[0].model.trim()}, load ${loadavg()[0].toFixed(2)} before; provider, load generator and server share them.`)
  console.log('first = time from connecting to the first token, which the provider sends at once; gap = between two arrivals of text;')
  console.log('CPU = user and system time of the server process (nginx: all its processes), starts and ends of answers included; steady = while all run.\n')
  line(([name]) => name)
  const verdicts = []
  for (const scenario of chosen) await run(scenario, times, verdicts)
  console.log(`\nBounds, medians where a scenario ran more than once (load ${loadavg()[0].toFixed(2)} now):`)
  const missed = verdicts.map(printVerdict).filter((good) => !good).length
  console.log(`\n${verdicts.length - missed} bounds hold, ${missed} missed`)
  process.exitCode = missed > 0 ? 1 : 0
}

main().catch((error) => {
  console.error(`error: ${error.stack}`)
  process.exit(1)
})
