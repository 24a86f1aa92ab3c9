// A scripted stand-in for the server: the page's journeys run against it without a build of the real one.
// `node tests/fake/server.mjs [port]` serves ../wwwroot and the API; the first account is the administrator.
import { readFileSync, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { answer, reasoning } from './answer.mjs'
import { aroundRoutes } from './around.mjs'

const root = join(import.meta.dirname, '../../../wwwroot')
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' }
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; frame-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html"

export function startFake({ port = 0, tokenMs = 12, users = [], chats = 0 } = {}) {
  const state = { users: [...users], current: users[0] ?? null, sessions: new Map(), messages: new Map(), runs: new Map(), connections: [], nextId: 100, cutAfter: 0 }
  const demo = { id: 'demo', connectionId: 0, model: 'demo', name: 'Demo', provider: 'demo', connectionName: 'Demo', capabilities: {}, contextLimit: 8192 }
  const id = () => ++state.nextId
  const now = () => new Date().toISOString()

  for (let i = 0; i < chats; i++) {
    const at = new Date(Date.now() - i * 7.3e6).toISOString()
    const sid = id()
    state.sessions.set(sid, { id: sid, title: i % 3 ? `Notes on topic ${i}` : `关于第 ${i} 个主题的讨论与总结`, connectionId: null, model: null, createdAt: at, updatedAt: at, activeRunMessageId: null })
    state.messages.set(sid, [])
  }

  function problem(response, status, code, extra = {}) {
    response.writeHead(status, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify({ title: code, status, code, ...extra }))
  }
  function ok(response, body, status = 200) {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(body === undefined ? '' : JSON.stringify(body))
  }

  function startRun(sid, user, parentId) {
    const message = { id: id(), sessionId: sid, parentId, role: 'assistant', content: '', status: 'streaming', model: 'demo', createdAt: now(), siblings: [], toolCalls: [], images: [] }
    const run = { events: [], listeners: new Set(), stopped: false }
    state.runs.set(message.id, run)
    state.messages.get(sid).push(message)
    state.sessions.get(sid).activeRunMessageId = message.id
    let position = 0
    const emit = (type, data, weight = 1) => {
      position += weight
      message.eventId = position
      const frame = `id: ${position}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`
      run.events.push({ position, frame })
      for (const listener of run.listeners) listener(frame, type === 'done')
    }
    emit('start', { sessionId: sid, userMessage: user, assistantMessage: { ...message, content: '' }, model: 'demo' })
    const parts = [...reasoning.match(/[\s\S]{1,6}/g).map((text) => ['reasoning', text]), ['thought'], ...answer.match(/[\s\S]{1,5}/g).map((text) => ['delta', text])]
    let next = 0
    const finish = (status) => {
      clearInterval(timer)
      Object.assign(message, { status, totalMs: 4200, firstTokenMs: 310, usage: { promptTokens: 42, completionTokens: 512, totalTokens: 554, source: 'estimate' } })
      delete message.eventId
      state.sessions.get(sid).activeRunMessageId = null
      emit('done', { messageId: message.id, status, finishReason: status === 'done' ? 'stop' : null, usage: message.usage, totalMs: 4200 })
      state.runs.delete(message.id)
    }
    run.finish = finish
    const timer = setInterval(() => {
      const part = parts[next++]
      if (!part) return finish('done')
      const [type, text] = part
      if (type === 'delta') message.content += text
      else if (type === 'reasoning') message.reasoning = (message.reasoning ?? '') + text
      if (type === 'thought') {
        message.reasoningMs = 2300
        emit('reasoning', { done: true, ms: 2300 })
      } else emit(type, { text }, text.length)
    }, tokenMs)
    return { message, run }
  }

  function follow(request, response, run, after) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write(': \n\n')
    for (const event of run.events) if (event.position > after) response.write(event.frame)
    let budget = state.cutAfter
    const listener = (frame, last) => {
      response.write(frame)
      if (last) response.end()
      else if (budget > 0 && --budget === 0) {
        state.cutAfter = 0
        response.destroy()
      }
    }
    run.listeners.add(listener)
    response.on('close', () => run.listeners.delete(listener))
  }

  const routes = [
    ...aroundRoutes({ state, ok, problem, id, now }),
    ['GET', /^\/api\/settings\/branding$/, (_, r) => ok(r, { brandText: 'AiChat', registrationOpen: true, setupRequired: state.users.length === 0, setupCodeRequired: true, guestsAllowed: false })],
    ['GET', /^\/api\/auth\/me$/, (_, r) => (state.current ? ok(r, { user: state.current, guest: false, quota: { limit: 200, used: 12, remaining: 188, resetsAt: now() } }) : problem(r, 401, 'unauthenticated'))],
    ['POST', /^\/api\/auth\/refresh$/, (_, r) => problem(r, 401, 'unauthenticated')],
    ['POST', /^\/api\/auth\/register$/, (_, r, __, body) => {
      const first = state.users.length === 0
      if (first && body.setupCode !== 'TEST-CODE') return problem(r, 403, 'setup_code_required')
      const user = { id: id(), username: body.username, role: first ? 'ADMIN' : 'USER', status: first ? 'ACTIVE' : 'PENDING', avatarUrl: null, createdAt: now() }
      state.users.push(user)
      if (first) state.current = user
      return ok(r, { user }, first ? 201 : 202)
    }],
    ['POST', /^\/api\/auth\/login$/, (_, r, __, body) => {
      const user = state.users.find((one) => one.username === body.username)
      if (!user || body.password === 'wrong-password') return problem(r, 401, 'invalid_credentials')
      if (user.status === 'PENDING') return problem(r, 403, 'account_pending')
      state.current = user
      return ok(r, { user })
    }],
    ['POST', /^\/api\/auth\/logout$/, (_, r) => { state.current = null; ok(r, undefined, 204) }],
    ['GET', /^\/api\/auth\/logins$/, (q, r) => ok(r, { items: [{ id: 1, createdAt: now(), lastUsedAt: now(), ip: '192.168.1.20', userAgent: q.headers['user-agent'], current: true }, { id: 2, createdAt: now(), lastUsedAt: new Date(Date.now() - 9e7).toISOString(), ip: '192.168.1.31', userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1', current: false }], nextCursor: null })],
    ['PUT', /^\/api\/settings\/personal$/, (_, r, __, body) => ok(r, body)],
    ['GET', /^\/api\/users$/, (q, r) => { const status = new URL(q.url, 'http://x').searchParams.get('status'); ok(r, { items: state.users.filter((one) => !status || one.status === status), nextCursor: null }) }],
    ['POST', /^\/api\/users\/(\d+)\/approve$/, (_, r, [uid]) => { const user = state.users.find((one) => one.id === Number(uid)); user.status = 'ACTIVE'; ok(r, user) }],
    ['GET', /^\/api\/connections$/, (_, r) => ok(r, { items: state.connections, nextCursor: null, providers: ['demo', 'openai'] })],
    ['POST', /^\/api\/connections\/verify$/, (_, r, __, body) => ok(r, body.key === 'bad' ? { ok: false, code: 'provider_unauthorized', detail: 'HTTP 401' } : { ok: true, models: ['gpt-large', 'gpt-small'].map((name) => ({ id: name, name })) })],
    ['POST', /^\/api\/connections$/, (_, r, __, body) => { const one = { ...body, id: id(), hasKey: Boolean(body.key), keyHint: '…abcd', enabled: true, modelCount: 2, lastCheckedAt: now() }; delete one.key; state.connections.push(one); ok(r, one, 201) }],
    ['PUT', /^\/api\/connections\/(\d+)$/, (_, r, [cid], body) => ok(r, Object.assign(state.connections.find((one) => one.id === Number(cid)), body))],
    ['GET', /^\/api\/catalog\/models$/, (_, r) => ok(r, { items: [...state.connections.filter((one) => one.enabled).flatMap((one) => ['gpt-large', 'gpt-small'].map((model) => ({ id: model, connectionId: one.id, model, name: model, provider: 'openai', connectionName: one.name, capabilities: { vision: true, reasoning: model === 'gpt-large' }, contextLimit: 128000 }))), demo] })],
    ['PUT', /^\/api\/catalog\/models$/, (_, r) => ok(r, {})],
    ['GET', /^\/api\/chat\/runs$/, (_, r) => ok(r, { items: [...state.sessions.values()].filter((one) => one.activeRunMessageId).map((one) => ({ sessionId: one.id, messageId: one.activeRunMessageId, startedAt: now() })) })],
    ['POST', /^\/api\/sessions$/, (_, r, __, body) => { const one = { id: id(), title: '', connectionId: null, model: null, ...body, createdAt: now(), updatedAt: now(), activeRunMessageId: null }; state.sessions.set(one.id, one); state.messages.set(one.id, []); ok(r, one, 201) }],
    ['GET', /^\/api\/sessions\/(\d+)$/, (_, r, [sid]) => (state.sessions.has(Number(sid)) ? ok(r, state.sessions.get(Number(sid))) : problem(r, 404, 'not_found'))],
    ['PATCH', /^\/api\/sessions\/(\d+)$/, (_, r, [sid], body) => ok(r, Object.assign(state.sessions.get(Number(sid)), body))],
    ['DELETE', /^\/api\/sessions\/(\d+)$/, (_, r, [sid]) => { state.sessions.delete(Number(sid)); ok(r, undefined, 204) }],
    ['GET', /^\/api\/sessions\/(\d+)\/messages$/, (_, r, [sid]) => (state.messages.has(Number(sid)) ? ok(r, { items: state.messages.get(Number(sid)), nextCursor: null }) : problem(r, 404, 'not_found'))],
    ['POST', /^\/api\/chat\/stream$/, (q, r, __, body) => {
      const session = state.sessions.get(body.sessionId)
      if (body.content.startsWith('refuse')) return problem(r, 429, 'quota_exceeded')
      const user = { id: id(), sessionId: session.id, parentId: null, role: 'user', content: body.content, status: 'done', clientMessageId: body.clientMessageId, createdAt: now() }
      state.messages.get(session.id).push(user)
      session.title ||= body.content.slice(0, 40)
      session.updatedAt = now()
      const { run } = startRun(session.id, user, user.id)
      return follow(q, r, run, 0)
    }],
    ['POST', /^\/api\/chat\/regenerate$/, (q, r, __, body) => {
      for (const [sid, list] of state.messages) {
        const at = list.findIndex((one) => one.id === body.messageId)
        if (at < 0) continue
        const [old] = list.splice(at, 1)
        const { run } = startRun(sid, list.find((one) => one.id === old.parentId), old.parentId)
        return follow(q, r, run, 0)
      }
      return problem(r, 404, 'not_found')
    }],
    ['GET', /^\/api\/chat\/stream\/(\d+)$/, (q, r, [mid]) => { const run = state.runs.get(Number(mid)); if (!run) return problem(r, 404, 'not_found'); return follow(q, r, run, Number(new URL(q.url, 'http://x').searchParams.get('after') ?? 0)) }],
    ['POST', /^\/api\/chat\/stop$/, (_, r, __, body) => { state.runs.get(body.messageId)?.finish('stopped'); ok(r, undefined, 204) }],
  ]

  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://x').pathname
    if (path.startsWith('/api/')) {
      const chunks = []
      for await (const chunk of request) chunks.push(chunk)
      const text = Buffer.concat(chunks).toString()
      for (const [method, pattern, handle] of routes) {
        const match = request.method === method && pattern.exec(path)
        if (match) return handle(request, response, match.slice(1), text ? JSON.parse(text) : {})
      }
      return problem(response, 404, 'not_found')
    }
    const file = join(root, extname(path) ? path : 'index.html')
    if (!existsSync(file)) return response.writeHead(404).end()
    return response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'text/plain', 'Content-Security-Policy': csp }).end(readFileSync(file))
  })
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve({ url: `http://127.0.0.1:${server.address().port}`, state, close: () => { server.closeAllConnections(); server.close() } })))
}

if (process.argv[1] === import.meta.filename) {
  const { url } = await startFake({ port: Number(process.argv[2] ?? 0) })
  process.stdout.write(`${url}\n`)
}
