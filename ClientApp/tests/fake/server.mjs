// A fake server: the page's journeys run against it without a build of the real one.
// `node tests/fake/server.mjs [port]` serves ../wwwroot and the API; the first account is the administrator.
import { readFileSync, existsSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { adminRoutes, faceUrl, logoUrl } from './admin.mjs'
import { aroundRoutes } from './around.mjs'
import { chatRoutes } from './chats.mjs'
import { importRoutes } from './imports.mjs'
import { traceRoutes } from './traces.mjs'

/** What the test of a connection says behind a proxy that signs every certificate itself. */
function inspected(trusted) {
  const names = ['proxy', 'tls', 'answer', 'path', 'key', 'models']
  const via = 'http://inspecting.example:3128'
  if (trusted) return { ok: true, models: [{ id: 'm', name: 'm' }], report: { hops: names.map((hop) => ({ hop, state: 'passed' })), via } }
  const states = { proxy: 'passed', tls: 'failed' }
  return {
    ok: false,
    code: 'provider_tls',
    detail: 'The certificate of the provider is signed by an authority that is not trusted here.',
    report: {
      hop: 'tls',
      hops: names.map((hop) => ({ hop, state: states[hop] ?? 'not_reached' })),
      via,
      adviceCode: 'add_authority',
      reason: 'certificate_unknown_issuer',
      certificate: {
        problem: 'unknown_issuer',
        subject: 'CN=llm.example',
        issuer: 'CN=Corporate Inspection CA',
        notBefore: '2026-01-01T00:00:00.000Z',
        notAfter: '2027-01-01T00:00:00.000Z',
        names: ['llm.example'],
        chain: ['CN=llm.example', 'CN=Corporate Inspection CA'],
      },
    },
  }
}

/** What the test of a connection says when the provider refuses its key. */
function refused() {
  const names = ['dns', 'connect', 'tls', 'answer', 'path', 'key', 'models']
  const states = { key: 'failed', models: 'not_reached' }
  return {
    ok: false,
    code: 'provider_unauthorized',
    detail: 'HTTP 401',
    report: { hop: 'key', hops: names.map((hop) => ({ hop, state: states[hop] ?? 'passed' })), adviceCode: 'check_key' },
  }
}

/** AICHAT_PAGE: another build of the page, as for a comparison. */
const root = process.env.AICHAT_PAGE ?? join(import.meta.dirname, '../../../wwwroot')
const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
}
// The policies of the frames, as the real server sends them: their scripts are named by a number that is new each time.
const sandbox = {
  '/sandbox/diagram.html':
    "default-src 'none'; script-src 'nonce-NEW'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts",
  '/sandbox/image.html':
    "default-src 'none'; script-src 'nonce-NEW'; img-src http: https:; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'self'; sandbox allow-scripts",
}
const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
  "connect-src 'self'; worker-src 'self'; frame-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; " +
  "frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; " +
  "trusted-types svelte-trusted-html aichat-worker"

export function startFake({ port = 0, tokenMs = 12, users = [], chats = 0 } = {}) {
  const own = users.map((user) => ({ ...user })) // the journeys of a run hand in the same objects
  const state = {
    users: own,
    current: own[0] ?? null,
    sessions: new Map(),
    messages: new Map(),
    leaves: new Map(),
    runs: new Map(),
    connections: [],
    secrets: new Map(),
    images: new Map(),
    files: new Map(),
    prompts: [],
    asked: [],
    say: null,
    tools: null,
    nextId: 100,
    cutAfter: 0,
    face: null,
    logo: null,
    worker: '',
    hold: false,
    away: false,
    tooMany: { left: 0, seconds: 1 },
  }
  const demo = {
    id: 'demo',
    connectionId: 0,
    model: 'demo',
    name: 'Demo',
    provider: 'demo',
    connectionName: 'Demo',
    capabilities: { vision: true, tools: true, webSearch: true, reasoning: true },
    contextLimit: 8192,
  }
  const id = () => ++state.nextId
  const now = () => new Date().toISOString()

  for (let i = 0; i < chats; i++) {
    const at = new Date(Date.now() - i * 7.3e6).toISOString()
    const sid = id()
    state.sessions.set(sid, {
      id: sid,
      title: i % 3 ? `Notes on topic ${i}` : `关于第 ${i} 个主题的讨论与总结`,
      connectionId: null,
      model: null,
      createdAt: at,
      updatedAt: at,
      activeRunMessageId: null,
    })
    state.messages.set(sid, [])
  }

  function problem(response, status, code, extra = {}) {
    response.writeHead(status, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify({ title: code, status, code, ...extra }))
  }
  function ok(response, body, status = 200) {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(body === undefined ? '' : JSON.stringify(body))
  }

  const ofChats = chatRoutes({ state, id, now, ok, problem, tokenMs })

  const query = (request) => new URL(request.url, 'http://x').searchParams
  const models = () => [
    ...state.connections
      .filter((one) => one.enabled)
      .flatMap((one) =>
        ['gpt-large', 'gpt-small'].map((model) => ({
          id: model,
          connectionId: one.id,
          model,
          name: model,
          provider: 'openai',
          connectionName: one.name,
          capabilities: { vision: true, reasoning: model === 'gpt-large' },
          contextLimit: 128000,
        })),
      ),
    demo,
  ]
  const routes = [
    ...aroundRoutes({ state, ok, problem, now, query }),
    ...adminRoutes({ state, ok, problem, id, now, query, models }),
    ...traceRoutes({ state, ok, problem, query }),
    ...importRoutes({ state, ok, problem, now, query, id }),
    [
      'GET',
      /^\/api\/settings\/branding$/,
      (_, r) =>
        ok(r, {
          brandText: state.settings.brandText,
          loginNotice: state.settings.loginNotice,
          welcomeText: state.settings.welcomeText,
          suggestions: state.settings.suggestions,
          reasoningEnabled: state.settings.reasoningEnabled,
          webSearchEnabled: state.settings.webSearchEnabled,
          logoUrl: logoUrl(state),
          reasoningOpen: state.settings.reasoningDefaultExpand,
          accentHue: state.settings.accentHue,
          assistantAvatarUrl: faceUrl(state),
          registrationOpen: true,
          setupRequired: state.users.length === 0,
          setupCodeRequired: state.users.length === 0,
          guestsAllowed: false,
        }),
    ],
    [
      'GET',
      /^\/api\/auth\/me$/,
      (_, r) =>
        state.current
          ? ok(r, {
              user: state.current,
              guest: false,
              quota: state.quota ?? { limit: 200, used: 12, remaining: 188, resetsAt: now() },
              permissions: [
                'chat',
                ...(state.settings.taskTraceEnabled && (state.current.role === 'ADMIN' || !state.settings.taskTraceAdminOnly)
                  ? ['trace']
                  : []),
              ],
            })
          : problem(r, 401, 'unauthenticated'),
    ],
    ['POST', /^\/api\/auth\/refresh$/, (_, r) => problem(r, 401, 'unauthenticated')],
    [
      'POST',
      /^\/api\/auth\/register$/,
      (_, r, __, body) => {
        const first = state.users.length === 0
        if (first && body.setupCode !== 'TEST-CODE') return problem(r, 403, 'setup_code_required')
        const user = {
          id: id(),
          username: body.username,
          role: first ? 'ADMIN' : 'USER',
          status: first ? 'ACTIVE' : 'PENDING',
          avatarUrl: null,
          createdAt: now(),
        }
        state.users.push(user)
        if (first) state.current = user
        return ok(r, { user }, first ? 201 : 202)
      },
    ],
    [
      'POST',
      /^\/api\/auth\/login$/,
      (_, r, __, body) => {
        const user = state.users.find((one) => one.username === body.username)
        if (!user || body.password === 'wrong-password') return problem(r, 401, 'invalid_credentials')
        if (user.status === 'PENDING') return problem(r, 403, 'account_pending')
        state.current = user
        return ok(r, { user })
      },
    ],
    [
      'POST',
      /^\/api\/auth\/logout$/,
      (_, r) => {
        state.current = null
        ok(r, undefined, 204)
      },
    ],
    [
      'GET',
      /^\/api\/auth\/logins$/,
      (q, r) =>
        ok(r, {
          items: [
            { id: 1, createdAt: now(), lastUsedAt: now(), ip: '192.168.1.20', userAgent: q.headers['user-agent'], current: true },
            {
              id: 2,
              createdAt: now(),
              lastUsedAt: new Date(Date.now() - 9e7).toISOString(),
              ip: '192.168.1.31',
              userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1',
              current: false,
            },
          ],
          nextCursor: null,
        }),
    ],
    [
      'GET',
      /^\/api\/users$/,
      (q, r) => {
        const status = new URL(q.url, 'http://x').searchParams.get('status')
        ok(r, { items: state.users.filter((one) => !status || one.status === status), nextCursor: null })
      },
    ],
    [
      'POST',
      /^\/api\/users\/(\d+)\/approve$/,
      (_, r, [uid]) => {
        const user = state.users.find((one) => one.id === Number(uid))
        user.status = 'ACTIVE'
        ok(r, user)
      },
    ],
    ['GET', /^\/api\/connections$/, (_, r) => ok(r, { items: state.connections, nextCursor: null, providers: ['demo', 'openai'] })],
    [
      'POST',
      /^\/api\/connections\/verify$/,
      (_, r, __, body) => {
        if (body.proxy === 'http://inspecting.example:3128') return ok(r, inspected(body.caPem !== undefined))
        if (body.key === 'bad') return ok(r, refused())
        if (body.key === 'listless' && !body.modelIds) return ok(r, { ok: false, code: 'provider_bad_request', detail: 'HTTP 404' })
        if (body.modelIds?.length && !body.baseUrl.endsWith('/v1')) {
          const models = body.modelIds.map((name) => ({ id: name, name }))
          return ok(r, { ok: true, code: 'provider_lists_no_models', models, baseUrl: `${body.baseUrl}/v1` })
        }
        const same = state.connections.find((one) => one.baseUrl === body.baseUrl && state.secrets.get(one.id) === body.key)
        return ok(r, { ok: true, models: ['gpt-large', 'gpt-small'].map((name) => ({ id: name, name })), sameAs: same?.id ?? null })
      },
    ],
    [
      'POST',
      /^\/api\/connections$/,
      (_, r, __, body) => {
        const taken = (name) => state.connections.some((one) => one.name === name)
        let name = body.name
        for (let n = 2; taken(name); n++) name = `${body.name} ${n}`
        const one = {
          ...body,
          name,
          id: id(),
          hasKey: Boolean(body.key),
          keyHint: '…abcd',
          enabled: true,
          modelCount: 2,
          lastCheckedAt: now(),
        }
        delete one.key
        state.secrets.set(one.id, body.key)
        state.connections.push(one)
        return ok(r, one, 201)
      },
    ],
    [
      'GET',
      /^\/v1\/models$/,
      (q, r) =>
        q.headers.authorization?.startsWith('Bearer sk-') && !q.headers.cookie
          ? ok(r, { data: models().map((one) => ({ id: one.id })) })
          : problem(r, 401, 'unauthenticated'),
    ],
    [
      'PUT',
      /^\/api\/connections\/(\d+)$/,
      (_, r, [cid], body) =>
        ok(
          r,
          Object.assign(
            state.connections.find((one) => one.id === Number(cid)),
            body,
          ),
        ),
    ],
    ...ofChats,
  ]

  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://x').pathname
    const image = state.images.get(path.replace('/chat-images/', ''))
    if (image) return response.writeHead(200, { 'Content-Type': image.mime }).end(image.bytes)
    if (path === '/avatars/assistant' && state.face) return response.writeHead(200, { 'Content-Type': 'image/webp' }).end(state.face)
    if (path === '/avatars/logo' && state.logo) return response.writeHead(200, { 'Content-Type': 'image/png' }).end(state.logo)
    if (state.away && path.startsWith('/api/')) return request.destroy()
    if (path.startsWith('/api/') && state.tooMany.left > 0) {
      state.tooMany.left--
      response.setHeader('Retry-After', state.tooMany.seconds)
      return problem(response, 429, 'rate_limited')
    }
    if (path.startsWith('/api/') || path.startsWith('/v1/')) {
      const chunks = []
      for await (const chunk of request) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      const text = /^(image\/|application\/octet-stream)/.test(request.headers['content-type'] ?? '') ? '' : bytes.toString()
      for (const [method, pattern, handle] of routes) {
        const match = request.method === method && pattern.exec(path)
        if (match) return handle(request, response, match.slice(1), text ? JSON.parse(text) : bytes)
      }
      return problem(response, 404, 'not_found')
    }
    const instead = state.files.get(path)
    const file = join(root, extname(path) ? path : 'index.html')
    const packed = !existsSync(file) && existsSync(`${file}.br`)
    if (instead === undefined && !packed && !existsSync(file)) return response.writeHead(404).end()
    const script = path.startsWith('/sandbox/') && extname(path) === '.js'
    const stored = () => (packed ? brotliDecompressSync(readFileSync(`${file}.br`)) : readFileSync(file))
    const body = instead ?? (path === '/sw.js' ? stored() + state.worker : stored())
    const nonce = randomBytes(16).toString('base64url')
    return response.writeHead(200, {
      'Content-Type': types[extname(file)] ?? 'text/plain',
      'Content-Security-Policy': sandbox[path]?.replace('NEW', nonce) ?? csp,
      'Cross-Origin-Resource-Policy': script ? 'cross-origin' : 'same-origin',
      'Referrer-Policy': sandbox[path] ? 'no-referrer' : 'same-origin',
    }).end(sandbox[path] ? String(body).replace('<script ', `<script nonce="${nonce}" `) : body)
  })
  return new Promise((resolve) =>
    server.listen(port, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        state,
        close: () => {
          server.closeAllConnections()
          server.close()
        },
      }),
    ),
  )
}

if (process.argv[1] === import.meta.filename) {
  const { url } = await startFake({ port: Number(process.argv[2] ?? 0) })
  process.stdout.write(`${url}\n`)
}
