// Upgrades from every earlier schema with data that the program of that time wrote, the ways back, and upgrades again.
//   node upgrades.cjs BINARY VERSIONS     VERSIONS is a folder with one folder a schema: aichat.dll, and commit, which names what it was built from
// For each: the old program is filled over HTTP; the new one upgrades, shows all of it and writes; `rollback` takes it back, the old one
// shows what both wrote and writes more; the new one upgrades again and has everything. Then `rollback --exact` by the copy, the old program,
// and an upgrade that tells where the rest is. Prints a table; ends with 1 when anything was lost without a word.
const { spawn } = require('node:child_process')
const { createHash, randomBytes } = require('node:crypto')
const { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } = require('node:fs')
const { createServer } = require('node:http')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { deflateSync, crc32 } = require('node:zlib')

const [BINARY, VERSIONS] = process.argv.slice(2)
const PASSWORD = 'upgrade-9z8y7x-torture'
const SETUP_CODE = 'upgrade-setup-code'
const MASTER_KEY = Buffer.alloc(32, 7).toString('base64')
const PEOPLE = ['admin', 'member', 'Member_2']
const children = new Set()
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

const check = (holds, what) => {
  if (!holds) throw new Error(what)
}

function environment(folder) {
  const { HOME, PATH, DOTNET_ROOT } = process.env
  return {
    HOME, PATH, ...(DOTNET_ROOT && { DOTNET_ROOT }), DOTNET_NOLOGO: '1', PORT: '0', HOST: '127.0.0.1', DATA_DIR: folder, LOG_LEVEL: 'warn',
    AICHAT_SETUP_CODE: SETUP_CODE, AICHAT_MASTER_KEY: MASTER_KEY,
  }
}

/** A program on a folder: the current file, or an old one on the JIT. */
function launch(program, folder, args) {
  const [command, ...first] = program.endsWith('.dll') ? ['dotnet', program] : [program]
  const child = spawn(command, [...first, ...args], { env: environment(folder), stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  child.said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (child.said += piece))
  child.ended = new Promise((resolve) => child.on('exit', (code) => (children.delete(child), resolve(code))))
  return child
}

async function start(program, folder) {
  const child = launch(program, folder, [])
  const listening = new Promise((resolve) => child.stdout.on('data', () => {
    const address = /^Listening on http:\/\/[^:]+:(\d+)/m.exec(child.said)
    if (address) resolve(Number(address[1]))
  }))
  const port = await Promise.race([listening, child.ended.then((code) => Promise.reject(new Error(`it ended with ${code}: ${child.said}`)))])
  return {
    port,
    said: () => child.said,
    async stop() {
      child.kill('SIGTERM')
      const code = await child.ended
      check(code === 0, `it ended with ${code}: ${child.said}`)
    },
  }
}

async function command(folder, ...args) {
  const child = launch(BINARY, folder, args)
  const code = await child.ended
  check(code === 0, `aichat ${args.join(' ')} ended with ${code}: ${child.said}`)
  return child.said
}

async function call(server, token, method, path, body, type = 'application/json') {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method, headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': type }) },
    body: body && (type === 'application/json' ? JSON.stringify(body) : body),
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  check(response.ok, `${method} ${path} answered ${response.status}: ${bytes.subarray(0, 500)}`)
  return response.headers.get('content-type')?.includes('json') && bytes.length ? JSON.parse(bytes.toString()) : bytes
}

const logIn = async (server, username) => (await call(server, null, 'POST', '/api/auth/token', { username, password: PASSWORD })).accessToken

/** An image that nobody else has. */
function png(seed) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const ends = Buffer.alloc(8)
    ends.writeUInt32BE(data.length, 0)
    ends.writeUInt32BE(crc(body), 4)
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
  }
  const head = Buffer.from([0, 0, 0, 4, 0, 0, 0, 2, 8, 0, 0, 0, 0])
  const lines = Buffer.concat([0, 1].map((line) => Buffer.concat([Buffer.from([0]), createHash('md5').update(`${seed}${line}`).digest().subarray(0, 4)])))
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', deflateSync(lines)), chunk('IEND', Buffer.alloc(0))])
}

function crc(bytes) {
  if (crc32) return crc32(bytes)
  let sum = ~0
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return ~sum >>> 0
}

/** A provider that answers with its question, so that each answer is known. */
function startProvider() {
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const piece of request) text += piece
    if (request.method === 'GET') return response.end(JSON.stringify({ data: [{ id: 'echo' }] }))
    const { content } = JSON.parse(text).messages.at(-1)
    const said = typeof content === 'string' ? content : content.map((part) => part.text ?? '').join('')
    response.setHeader('content-type', 'text/event-stream')
    for (const delta of ['About: ', said]) response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: delta } }] })}\n\n`)
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: { prompt_tokens: 7, completion_tokens: 5 } })}\n\n`)
    response.end('data: [DONE]\n\n')
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port, stop: () => server.close() })))
}

/** Accounts, a connection with a key, limits, settings: what an administrator does once. */
async function settle(server, provider) {
  await call(server, null, 'POST', '/api/auth/register', { username: PEOPLE[0], password: PASSWORD, setupCode: SETUP_CODE })
  const admin = await logIn(server, PEOPLE[0])
  await call(server, admin, 'PATCH', '/api/settings/system', { requestsPerMinute: 0, defaultUserDailyQuota: -1, brandText: 'Upgraded 升级' })
  const { id } = await call(server, admin, 'POST', '/api/connections', {
    name: 'echo', provider: 'openai', baseUrl: `http://127.0.0.1:${provider.port}/v1`, authType: 'bearer', keys: ['sk-upgrade-0123456789'], local: true, modelIds: ['echo'],
  })
  await call(server, admin, 'PUT', '/api/catalog/models', { connectionId: id, model: 'echo', capabilities: { vision: true } })
  for (const username of PEOPLE.slice(1)) await join_(server, admin, username)
  return id
}

async function join_(server, admin, username) {
  const { user } = await call(server, null, 'POST', '/api/auth/register', { username, password: PASSWORD })
  await call(server, admin, 'POST', `/api/users/${user.id}/approve`, {})
}

/** What people do each time: new chats with versions and images, more in old chats, prompts, a link, a deletion, a new account. */
async function work(server, connectionId, when) {
  const admin = await logIn(server, PEOPLE[0])
  const someone = `${when.replace(/\W/g, '_')}`.slice(0, 20)
  await join_(server, admin, someone)
  for (const username of [...PEOPLE, someone]) {
    const token = await logIn(server, username)
    const ask = (sessionId, content, more) => call(server, token, 'POST', '/api/chat/stream',
      { sessionId, content, clientMessageId: randomBytes(12).toString('hex'), ...more })
    const older = (await call(server, token, 'GET', '/api/sessions?limit=50')).items.map((session) => session.id)
    for (const id of older) await ask(id, `One more ${when}`)
    const { id } = await call(server, token, 'POST', '/api/sessions', { title: `${username} ${when}`, connectionId, model: 'echo' })
    await ask(id, `Привет, 你好 ${when} ${'long '.repeat(2_000)}`)
    const image = await call(server, token, 'POST', '/api/images', png(`${username} ${when}`), 'image/png')
    await ask(id, `See ${when}`, { imageIds: [image.id] })
    const last = (await call(server, token, 'GET', `/api/sessions/${id}/messages?limit=100`)).items.at(-1)
    await call(server, token, 'POST', '/api/chat/regenerate', { messageId: last.id, clientMessageId: randomBytes(12).toString('hex') })
    await call(server, token, 'POST', '/api/prompts', { name: `n${when.replace(/\W/g, '')}`, title: when, text: `Prompt ${when}` })
    await call(server, token, 'PUT', `/api/sessions/${id}/draft`, { content: `Draft ${when}` }).catch(() => {})
    await call(server, token, 'POST', `/api/sessions/${id}/share`, {})
    const gone = await call(server, token, 'POST', '/api/sessions', { title: `Deleted ${when}`, connectionId, model: 'echo' })
    await ask(gone.id, 'To be deleted')
    await call(server, token, 'DELETE', `/api/sessions/${gone.id}`)
  }
}

/** Everything that each person sees, as lines; those of images hold their bytes' hash. */
async function look(server) {
  const lines = []
  const admin = await logIn(server, PEOPLE[0])
  const users = (await call(server, admin, 'GET', '/api/users?limit=100')).items.map((user) => user.username)
  const system = await call(server, admin, 'GET', '/api/settings/system')
  lines.push(`brand ${JSON.stringify(system).match(/Upgraded 升级/)?.[0]}`)
  for (const username of users) {
    const token = await logIn(server, username)
    for (const session of (await call(server, token, 'GET', '/api/sessions?limit=100')).items) {
      lines.push(`${username} chat ${session.id} ${session.title}`)
      for (const message of (await call(server, token, 'GET', `/api/sessions/${session.id}/messages?limit=100`)).items) {
        lines.push(`${username} ${message.id} below ${message.parentId ?? '-'} ${message.role} ${message.status} ${message.siblings?.length} versions: ${message.content}`)
        for (const { url } of message.images ?? []) {
          const bytes = await call(server, token, 'GET', url)
          lines.push(`${username} ${message.id} image ${createHash('sha256').update(bytes).digest('hex')}`)
        }
      }
    }
    for (const { name, text } of (await call(server, token, 'GET', '/api/prompts')).items) lines.push(`${username} prompt ${name}: ${text}`)
    const found = (await call(server, token, 'GET', `/api/sessions?limit=100&q=${encodeURIComponent('你好')}`)).items.length
    lines.push(`${username} finds ${found} chats`)
  }
  return lines
}

function same(before, after, what) {
  const missing = before.filter((line) => !after.includes(line))
  const added = after.filter((line) => !before.includes(line))
  const short = (lines) => lines.slice(0, 4).map((line) => line.slice(0, 160)).join('\n    ')
  check(missing.length + added.length === 0, `${what}: ${missing.length} missing, ${added.length} added\n    ${short(missing)}\n  + ${short(added)}`)
  return after.length
}

/** The key of the connection can still be used: an answer comes. */
async function answers(server, connectionId) {
  const token = await logIn(server, PEOPLE[0])
  const { id } = await call(server, token, 'POST', '/api/sessions', { title: 'Trial', connectionId, model: 'echo' })
  const text = (await call(server, token, 'POST', '/api/chat/stream', { sessionId: id, content: 'Trial', clientMessageId: randomBytes(12).toString('hex') })).toString()
  check(text.includes('"done"') && text.includes('About: '), `no answer: ${text.slice(0, 500)}`)
  await call(server, token, 'DELETE', `/api/sessions/${id}`)
}

/** What runs on a server that is started and stopped around it. */
async function during(program, folder, act) {
  const server = await start(program, folder)
  let result
  try {
    result = await act(server)
  } catch (error) {
    error.message += `\n${server.said()}`
    throw error
  }
  await server.stop()
  return { result, said: server.said() }
}

async function version(schema, old, provider) {
  const folder = mkdtempSync(join(tmpdir(), `aichat-upgrade-${schema}-`))
  try {
    let connection
    const first = (await during(old, folder, async (server) => {
      connection = await settle(server, provider)
      await work(server, connection, 'first')
      return look(server)
    })).result
    const second = (await during(BINARY, folder, async (server) => {
      same(first, await look(server), 'after the upgrade')
      await answers(server, connection)
      await work(server, connection, 'in between')
      return look(server)
    })).result
    const told = await command(folder, 'rollback', '--to', `${schema}`, '--yes')
    check(told.includes(`has schema ${schema} again`), told)
    const third = (await during(old, folder, async (server) => {
      same(second, await look(server), 'after the way back')
      await answers(server, connection)
      await work(server, connection, 'by the older one')
      return look(server)
    })).result
    const fourth = (await during(BINARY, folder, async (server) => {
      same(third, await look(server), 'after the second upgrade')
      await work(server, connection, 'late')
      return look(server)
    })).result
    const exact = await command(folder, 'rollback', '--to', `${schema}`, '--exact', '--yes')
    check(/has not: .*new chats/.test(exact), `the way back by the copy did not tell what the copy lacks: ${exact}`)
    await during(old, folder, async (server) => same(third, await look(server), 'after the way back by the copy'))
    const last = await during(BINARY, folder, async (server) => same(third, await look(server), 'after the last upgrade'))
    check(last.said.includes('new chats'), `the last upgrade did not tell where the rest is: ${last.said}`)
    return { lines: fourth.length, lost: /no place for: (.*)\. Only/.exec(told)?.[1] ?? 'nothing' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function main() {
  const provider = await startProvider()
  let failed = 0
  console.log('schema  built from                                lines compared  the way back leaves behind')
  for (const name of readdirSync(VERSIONS).filter((one) => existsSync(join(VERSIONS, one, 'aichat.dll'))).sort()) {
    const commit = readFileSync(join(VERSIONS, name, 'commit'), 'utf8').trim()
    try {
      const { lines, lost } = await version(Number(name), join(VERSIONS, name, 'aichat.dll'), provider)
      console.log(`${name.padEnd(7)} ${commit} ${String(lines).padStart(14)}  ${lost}`)
    } catch (error) {
      failed++
      console.log(`${name.padEnd(7)} ${commit} FAILED ${error.stack}`)
    }
  }
  provider.stop()
  console.log(`${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

main()
