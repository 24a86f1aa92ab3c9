// What a cluster promises when parts of it die, tried on scripts/cluster, which has to be up.
//   node nodes.cjs [SHOW ...]     node-haproxy, node-nginx, frozen, primary, machine, rolling, rolling-nginx; all when none is named
// Node: 200 answers are written and read through a balancer; a server is killed. Every reader is attached again within 2 s; its text goes on
// exactly or ends as interrupted, with at most half a second less than was seen; the quota counts 200.
// Rolling: beside 200 answers others are asked without a pause, while one server after the other ends and starts again as AICHAT_TEST_BINARY
// says now. No request fails, no message is lost.
// Primary: beside 200 answers others are asked without a pause; what was acknowledged before and after the kill is all there.
const { execFile, execFileSync } = require('node:child_process')
const { randomBytes } = require('node:crypto')
const http = require('node:http')
const { join } = require('node:path')

const CLUSTER = join(__dirname, '..', '..', 'scripts', 'cluster')
const BASE = Number(process.env.CLUSTER_PORT ?? 18400)
const [HAPROXY, NGINX] = [BASE + 40, BASE + 41]
const NODES = [BASE + 31, BASE + 32]
const PASSWORD = 'cluster-9z8y7x-torture'
const STREAMS = 200
const TOKEN_MS = 50
/** After that a page asks anew. */
const SILENCE_MS = 5_000

const cluster = (...words) => execFileSync(CLUSTER, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
const sql = (text) => cluster('psql', text)
const newId = () => randomBytes(12).toString('hex')
const check = (holds, what) => {
  if (!holds) throw new Error(what)
}

/** Asks until it holds. */
async function eventually(what, seconds, ask) {
  const until = performance.now() + seconds * 1000
  for (;;) {
    const result = await ask()
    if (result) return result
    check(performance.now() < until, `not within ${seconds} s: ${what}`)
    await new Promise((next) => setTimeout(next, 50))
  }
}

/** A provider with numbered words: as many as the model's name says, one each 50 ms, or "quick", three at once. */
function startProvider() {
  const open = new Set()
  const piece = (delta, finish = null) => `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  const end = (response) => {
    response.write(piece({}, 'stop'))
    response.write(`data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 5 } })}\n\n`)
    response.end('data: [DONE]\n\n')
  }
  const server = http.createServer(async (request, response) => {
    let text = ''
    for await (const part of request) text += part
    response.setHeader('content-type', request.method === 'GET' ? 'application/json' : 'text/event-stream')
    if (request.method === 'GET') return response.end(JSON.stringify({ data: ['quick', 'w200', 'w600', 'w2400'].map((id) => ({ id })) }))
    const { model } = JSON.parse(text)
    if (model === 'quick') {
      for (let i = 0; i < 3; i++) response.write(piece({ content: `w${i} ` }))
      return end(response)
    }
    const answer = { response, left: Number(model.slice(1)), said: 0 }
    open.add(answer)
    response.on('close', () => open.delete(answer))
  })
  const clock = setInterval(() => {
    for (const answer of open) {
      if (answer.left-- > 0) answer.response.write(piece({ content: `w${answer.said++} ` }))
      else {
        open.delete(answer)
        end(answer.response)
      }
    }
  }, TOKEN_MS)
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({
    port: server.address().port,
    stop: () => (clearInterval(clock), server.closeAllConnections(), server.close()),
  })))
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1000 })

function send(port, method, path, token, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ agent, host: '127.0.0.1', port, method, path, headers: {
      ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }), ...headers,
    } }, resolve)
    request.on('error', reject)
    request.end(body && JSON.stringify(body))
  })
}

async function call(port, method, path, token, body) {
  const response = await send(port, method, path, token, body)
  let text = ''
  for await (const part of response) text += part
  check(response.statusCode < 300, `${method} ${path} answered ${response.statusCode}: ${text.slice(0, 500)}`)
  return text ? JSON.parse(text) : null
}

/** A reader of one answer, who comes back as a page does when the connection ends before the answer. */
class Reader {
  text = ''
  lastId = 0
  status = null
  cuts = 0
  attachedAt = []
  #begun
  /** Held once question and answer are acknowledged. */
  begun = new Promise((resolve, reject) => (this.#begun = { resolve, reject }))

  constructor(port, token, sessionId, clientMessageId = newId()) {
    Object.assign(this, { port, token, sessionId, clientMessageId, sentAt: performance.now() })
    this.ended = this.#read()
    this.ended.catch(() => undefined)
    this.begun.catch(() => undefined)
  }

  async #read() {
    const body = { sessionId: this.sessionId, content: 'go', clientMessageId: this.clientMessageId }
    try {
      await this.#follow(await send(this.port, 'POST', '/api/chat/stream', this.token, body))
    } catch (error) {
      if (!this.messageId) this.#begun.reject(error)
      if (!this.messageId) throw error
    }
    while (this.status === null) {
      this.cuts++
      await eventually(`message ${this.messageId} is answered again`, 60, async () => {
        try {
          const response = await send(this.port, 'GET', `/api/chat/stream/${this.messageId}`, this.token, null, { 'last-event-id': `${this.lastId}` })
          if (response.statusCode !== 200) return response.resume() && false
          this.attachedAt.push(performance.now())
          await this.#follow(response)
          return true
        } catch {
          return false
        }
      })
    }
  }

  async #follow(response) {
    if (response.statusCode !== 200) {
      let text = ''
      for await (const part of response) text += part
      throw new Error(`${response.statusCode}: ${text.slice(0, 300)}`)
    }
    this.response = response
    response.setEncoding('utf8')
    let rest = ''
    response.setTimeout(SILENCE_MS, () => response.destroy())
    for await (const part of response) {
      const frames = (rest + part).split('\n\n')
      rest = frames.pop()
      for (const frame of frames) this.#take(frame)
    }
  }

  #take(frame) {
    const field = (name) => frame.split('\n').find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trim()
    const [id, event, data] = [Number(field('id')), field('event'), JSON.parse(field('data') ?? 'null')]
    if (!event) return
    if (id && id < this.lastId) this.text = ''
    if (id) this.lastId = id
    if (event === 'start') {
      this.messageId = data.assistantMessage.id
      this.text = data.assistantMessage.content
      this.#begun.resolve()
    }
    if (event === 'delta') this.text += data.text
    if (event === 'done') this.status = data.status
  }
}

/** The balancer gives both servers something to do: it may have held one for dead until now. */
async function balanced(port, person) {
  await eventually('the balancer uses both servers', 30, async () => {
    const last = sql('select coalesce(max(id), 0) from runs')
    const asked = await Promise.all(Array.from({ length: 6 }, async () => new Reader(port, person.token, await newSession(port, person, 'quick'))))
    await Promise.all(asked.map((reader) => reader.ended))
    return sql(`select count(distinct boot_id) from runs where id > ${last}`) === '2'
  })
}

async function settle(provider) {
  const register = { username: 'admin', password: PASSWORD, setupCode: 'cluster-setup-code' }
  if (sql('select count(*) from users') === '0') await call(HAPROXY, 'POST', '/api/auth/register', null, register)
  const { accessToken } = await call(HAPROXY, 'POST', '/api/auth/token', null, { username: 'admin', password: PASSWORD })
  const settings = { requestsPerMinute: 0, maxRunsPerUser: 0, defaultUserDailyQuota: -1 }
  await call(HAPROXY, 'PATCH', '/api/settings/system', accessToken, settings)
  const { id } = await call(HAPROXY, 'POST', '/api/connections', accessToken, {
    name: `words ${newId()}`, provider: 'openai', baseUrl: `http://127.0.0.1:${provider.port}/v1`, authType: 'none', local: true,
    modelIds: ['quick', 'w200', 'w600', 'w2400'],
  })
  return { token: accessToken, connectionId: id }
}

const newSession = async (port, { token, connectionId }, model) => (await call(port, 'POST', '/api/sessions', token, { connectionId, model })).id
const answerOf = async (port, { token }, sessionId) =>
  (await call(port, 'GET', `/api/sessions/${sessionId}/messages?limit=5`, token)).items.at(-1)

/** The readers of so many answers, all begun. A part of them comes in anew, so that it may read at another server than writes. */
async function readers(port, person, model, count) {
  const sessions = await Promise.all(Array.from({ length: count }, () => newSession(port, person, model)))
  const all = sessions.map((session) => new Reader(port, person.token, session))
  await Promise.all(all.map((reader) => reader.begun))
  const again = all.filter((_, i) => i % 3 === 0)
  for (const reader of again) reader.response.destroy()
  await eventually('those are back', 20, () => again.every((reader) => reader.attachedAt.length > 0))
  await eventually('all have some text', 20, () => all.every((reader) => reader.text.length > 20))
  return all
}

const used = () => sql("select coalesce(sum(messages), 0) || ' ' || coalesce(sum(held_messages + held_tokens), 0) from daily_usage").split(' ').map(Number)
const words = (text) => text.split(' ').length - 1
const goesOn = (text) => text === Array.from({ length: words(text) }, (_, i) => `w${i} `).join('')
const percentile = (numbers, share) => numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))]

async function nodeDies(port, person, stroke) {
  await balanced(port, person)
  const [before] = used()
  const all = await readers(port, person, 'w200', STREAMS)
  const seen = all.map((reader) => reader.text)
  const owners = sql(`select count(*) filter (where n.address = 'http://127.0.0.1:${NODES[0]}'), count(*) from runs r join nodes n on n.boot_id = r.boot_id where r.status = 'running'`)
  const cuts = all.map((reader) => reader.cuts)
  for (const reader of all) reader.attachedAt = []
  const begun = performance.now()
  await stroke.strike()
  await Promise.all(all.map((reader) => reader.ended))
  const attached = all.filter((reader, i) => reader.cuts > cuts[i]).map((reader) => (reader.attachedAt[0] - begun) / 1000)
  const answers = await Promise.all(all.map((reader) => answerOf(NODES[1], person, reader.sessionId)))
  const counts = { done: 0, interrupted: 0 }
  let most = 0
  for (const [i, answer] of answers.entries()) {
    check(answer.status in counts, `an answer ended as ${answer.status}`)
    counts[answer.status]++
    check(answer.status === all[i].status, `${answer.status} is stored, ${all[i].status} was told`)
    check(answer.content === all[i].text, `what was read differs from what is stored: ${all[i].text.slice(-40)} | ${answer.content.slice(-40)}`)
    check(goesOn(answer.content), `a word is missing or twice: ${answer.content.slice(-80)}`)
    check(answer.status === 'interrupted' || words(answer.content) === 200, `done with ${words(answer.content)} words`)
    if (answer.status === 'interrupted') most = Math.max(most, words(seen[i]) - words(answer.content))
  }
  const [after, held] = used()
  check(counts.interrupted > 0 && counts.done > 0, `of the answers ${JSON.stringify(counts)}: the killed server had none, or all`)
  check(after - before === STREAMS && held === 0, `the quota counts ${after - before} of ${STREAMS}, ${held} held`)
  const slowest = Math.max(...attached)
  check(slowest <= stroke.seconds, `attached again after ${slowest.toFixed(2)} s`)
  check(most * TOKEN_MS <= 500, `${most * TOKEN_MS} ms of text were seen and not kept`)
  return `${counts.done} done, ${counts.interrupted} interrupted (running before: ${owners.replace('|', ' of ')} at node1), ${attached.length} cut, `
    + `attached again p50 ${percentile(attached, 0.5).toFixed(2)} s, last ${slowest.toFixed(2)} s, text short ${most * TOKEN_MS} ms, quota exact`
}

async function primaryDies(person, what, bound) {
  await balanced(HAPROXY, person)
  const all = await readers(HAPROXY, person, 'w2400', STREAMS)
  const streams = all.map((reader) => reader.cuts)
  const sessions = await Promise.all(Array.from({ length: 40 }, () => newSession(HAPROXY, person, 'quick')))
  let [struck, again] = [0, 0]
  const asked = askers(HAPROXY, person, sessions)
  asked.onBegun = (reader) => {
    if (struck && !again && reader.sentAt > struck) again = performance.now()
  }
  const rows = () => asked.acknowledged.reduce((sum, { status }) => sum + (status === null ? 2 : 4), 0)
  const aim = Number(process.env.CLUSTER_ROWS ?? 50_000)
  await eventually('half of the rows are acknowledged', 900, () => rows() > aim / 2)
  cluster('kill', what)
  struck = performance.now()
  await eventually('it is written again', bound + 30, () => again > 0)
  const silence = (again - struck) / 1000
  await eventually('the other half is acknowledged', 900, () => rows() > aim)
  asked.ends = true
  await asked.done
  const cut = all.filter((reader, i) => reader.cuts > streams[i]).length
  const lost = lostOf(asked.acknowledged)
  check(lost === 0, `${lost} acknowledged turns are lost`)
  check(silence <= bound, `writes again after ${silence.toFixed(1)} s`)
  check(cut === 0, `${cut} streams were cut`)
  for (const reader of all) await call(HAPROXY, 'POST', '/api/chat/stop', person.token, { messageId: reader.messageId })
  await Promise.all(all.map((reader) => reader.ended))
  for (const reader of all) {
    const answer = await answerOf(HAPROXY, person, reader.sessionId)
    check(answer.content === reader.text && goesOn(answer.content), `what was read differs from what is stored: ${answer.content.slice(-40)}`)
  }
  return `${rows()} rows acknowledged, 0 lost, ${cut} of ${STREAMS} streams cut, ${asked.failures.length} starts refused, writes again after ${silence.toFixed(1)} s`
}

/** Asks without a pause until it is told to end; what was refused or broke off before it was acknowledged is a failure. */
function askers(port, person, sessions) {
  const asked = { acknowledged: [], failures: [], ends: false, done: null, onBegun: () => undefined }
  asked.done = Promise.all(sessions.map(async (session) => {
    while (!asked.ends) {
      const reader = new Reader(port, person.token, session)
      try {
        await reader.begun
        asked.acknowledged.push(reader)
        asked.onBegun(reader)
        await reader.ended
      } catch (error) {
        asked.failures.push(error.message)
        await new Promise((next) => setTimeout(next, 100))
      }
    }
  }))
  return asked
}

/** How many of the acknowledged turns are not there, or not done although that was told. */
function lostOf(acknowledged) {
  const statuses = new Map()
  for (let i = 0; i < acknowledged.length; i += 2_000) {
    const list = acknowledged.slice(i, i + 2_000).map((reader) => reader.messageId).join(',')
    for (const line of sql(`select a.id, a.status from messages a join messages q on q.id = a.parent_id where a.id in (${list})`).split('\n')) {
      const [id, status] = line.split('|')
      statuses.set(Number(id), status)
    }
  }
  return acknowledged.filter(({ messageId, status }) => !statuses.has(messageId) || (status === 'done' && statuses.get(messageId) !== 'done')).length
}

async function rolling(port, person) {
  await balanced(port, person)
  const all = await readers(port, person, 'w600', STREAMS)
  const asked = askers(port, person, await Promise.all(Array.from({ length: 20 }, () => newSession(port, person, 'quick'))))
  const versions = () => sql('select version from nodes order by address').split('\n').join(' ')
  const before = versions()
  for (const node of ['node1', 'node2']) {
    const count = asked.acknowledged.length
    await eventually('some are asked', 60, () => asked.acknowledged.length > count + 200)
    await new Promise((resolve, reject) => execFile(CLUSTER, ['restart', node], (error) => (error ? reject(error) : resolve())))
  }
  const count = asked.acknowledged.length
  await eventually('some more are asked', 60, () => asked.acknowledged.length > count + 200)
  asked.ends = true
  await asked.done
  await Promise.all(all.map((reader) => reader.ended))
  const counts = {}
  for (const reader of all) {
    const answer = await answerOf(port, person, reader.sessionId)
    counts[answer.status] = (counts[answer.status] ?? 0) + 1
    check(answer.content === reader.text && goesOn(answer.content),
      `what was read of message ${answer.id} (${reader.status}, ${reader.cuts} cuts, id ${reader.lastId}) ends with "${reader.text.slice(-30)}", `
      + `what is stored (${answer.status}) with "${answer.content.slice(-30)}"`)
  }
  check(asked.failures.length === 0, `${asked.failures.length} requests failed, first: ${asked.failures[0]}`)
  const lost = lostOf(asked.acknowledged)
  check(lost === 0, `${lost} acknowledged turns are lost`)
  const cut = asked.acknowledged.filter((reader) => reader.status !== 'done').length
  return `${before} -> ${versions()}: ${asked.acknowledged.length} turns, 0 lost, ${cut} not done, 0 requests failed; long answers ${JSON.stringify(counts)}`
}

const kill = { strike: () => cluster('kill', 'node1'), seconds: 2 }
/** Nobody but the clock tells that a frozen server does nothing: a page asks anew after 5 s, the lease ends after 6. */
const freeze = { strike: () => cluster('stop', 'node1'), seconds: 10 }
const shows = {
  'node-haproxy': (person) => nodeDies(HAPROXY, person, kill),
  'node-nginx': (person) => nodeDies(NGINX, person, kill),
  frozen: (person) => nodeDies(HAPROXY, person, freeze),
  primary: (person) => primaryDies(person, 'primary', 5),
  machine: (person) => primaryDies(person, 'machine', 25),
  rolling: (person) => rolling(HAPROXY, person),
  'rolling-nginx': (person) => rolling(NGINX, person),
}

/** Everything runs again, with a synchronous standby. */
async function whole() {
  const state = cluster('status')
  for (const node of ['node1', 'node2']) if (state.includes(`${node} does not run`)) cluster('start', node)
  for (const name of ['patroni1', 'patroni2']) if (state.includes(`${name} does not run`)) cluster('start', name)
  await eventually('a synchronous standby', 60, () => {
    try {
      return sql("select count(*) from pg_stat_replication where sync_state = 'sync'") === '1'
    } catch {
      return false
    }
  })
  await eventually('both servers answer through the balancers', 30, async () => {
    const ports = [...NODES, HAPROXY, HAPROXY, NGINX, NGINX]
    const states = await Promise.all(ports.map((port) => send(port, 'GET', '/api/settings/health').then((r) => r.resume().statusCode, () => 0)))
    return states.every((state) => state === 200)
  })
}

async function main() {
  const asked = process.argv.slice(2)
  for (const name of asked) check(name in shows, `there is no show ${name}; shows: ${Object.keys(shows).join(', ')}`)
  const provider = await startProvider()
  let failed = 0
  for (const name of asked.length > 0 ? asked : Object.keys(shows)) {
    try {
      await whole()
      console.log(`${name.padEnd(13)} ${await shows[name](await settle(provider))}`)
    } catch (error) {
      failed++
      console.log(`${name.padEnd(13)} FAILED ${error.stack}`)
    } finally {
      if (name === 'frozen') cluster('continue', 'node1')
    }
  }
  provider.stop()
  agent.destroy()
  console.log(`${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

main()
