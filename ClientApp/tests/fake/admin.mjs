// What the fake server answers on the settings pages.

const settings = () => ({
  brandText: 'AiChat',
  loginNotice: '',
  welcomeText: '',
  suggestions: [],
  accentHue: 195,
  registrationEnabled: true,
  defaultLocale: 'system',
  assistantReplyHistoryLimit: 5,
  chatImageRetentionDays: 30,
  siteBaseUrl: '',
  defaultUserDailyQuota: 200,
  defaultDailyTokenBudget: -1,
  defaultMonthlyTokenBudget: -1,
  defaultDailyMoneyBudget: -1,
  defaultMonthlyMoneyBudget: -1,
  anonymousDailyQuota: 0,
  anonymousTotalDailyQuota: 500,
  anonymousRetentionDays: 15,
  maxRunsPerUser: 8,
  maxRuns: 4096,
  requestsPerMinute: 240,
  outboundProxy: 'inherit',
  noProxy: [],
  sseHeartbeatIntervalMs: 15_000,
  providerConnectTimeoutMs: 10_000,
  providerInitialGraceMs: 120_000,
  providerMaxIdleMs: 90_000,
  providerReasoningIdleMs: 300_000,
  providerTimeoutMs: 600_000,
  streamDeltaFlushIntervalMs: 0,
  usageEmit: true,
  reasoningEnabled: true,
  reasoningDefaultExpand: false,
  reasoningSaveToDb: true,
  openaiReasoningEffort: 'unset',
  ollamaThink: false,
  ollamaKeepAlive: '',
  promptCaching: true,
  reasoningMaxOutputTokensDefault: null,
  reasoningTagsMode: 'default',
  reasoningCustomTags: '',
  defaultContextTokenLimit: 8192,
  modelsRefreshIntervalS: 600,
  webSearchEnabled: false,
  webSearchEngine: 'tavily',
  webSearchApiKey: { set: false },
  webSearchEndpoint: '',
  webSearchResultLimit: 4,
  webSearchDomainFilter: [],
  taskTraceEnabled: false,
  taskTraceDefaultOn: false,
  taskTraceAdminOnly: true,
  taskTraceEnv: 'both',
  taskTraceRetentionDays: 7,
  taskTraceMaxEvents: 2000,
  taskTraceIdleTimeoutMs: 30_000,
})

const groups = {
  day: (days) =>
    Array.from({ length: days }, (_, at) => ({ day: new Date(Date.now() - (days - 1 - at) * 864e5).toISOString().slice(0, 10) })).filter(
      (_, at) => at % 7 < 5,
    ),
  model: () => [
    { name: 'gpt-large', provider: 'openai' },
    { name: 'qwen3-32b', provider: 'openai' },
    { name: 'demo', provider: 'demo' },
  ],
  session: () => [{ id: 1, name: 'Notes on topic 1' }, { id: 2, name: '关于第 0 个主题的讨论与总结' }, { id: 3 }],
  user: () => [{ id: 1, name: 'lin' }, { id: 4, name: 'wang_fang' }, {}],
  connection: () => [{ id: 1, name: 'Workstation', provider: 'openai' }],
}

function usage(params) {
  const by = params.get('by') ?? 'day'
  const from = params.get('from') ?? new Date().toISOString().slice(0, 10)
  const days = Math.round((Date.parse(new Date().toISOString().slice(0, 10)) - Date.parse(from)) / 864e5) + 1
  const items = groups[by](days).map((head, at) => {
    const tokens = 12_000 + ((at * 7919) % 31) * 1_700
    return {
      ...head,
      calls: 4 + ((at * 13) % 17),
      promptTokens: tokens,
      completionTokens: Math.round(tokens / 3),
      reasoningTokens: 0,
      cachedTokens: 0,
      totalTokens: tokens + Math.round(tokens / 3),
      cost: Number((tokens * 2.3e-6).toFixed(4)),
      saved: Number((tokens * 4e-7).toFixed(4)),
      failed: at % 5 === 4 ? 1 : 0,
      averageFirstTokenMs: 300 + ((at * 37) % 400),
    }
  })
  const sum = (key) => items.reduce((all, one) => all + one[key], 0)
  return {
    from,
    to: from,
    by,
    total: {
      calls: sum('calls'),
      promptTokens: sum('promptTokens'),
      completionTokens: sum('completionTokens'),
      reasoningTokens: 0,
      cachedTokens: 0,
      totalTokens: sum('totalTokens'),
      cost: sum('cost'),
      saved: sum('saved'),
      failed: sum('failed'),
    },
    items,
  }
}

export const faceUrl = (state) => (state.face ? `avatars/assistant?v=${state.face.length}` : null)
export const logoUrl = (state) => (state.logo ? `avatars/logo?v=${state.logo.length}` : null)

export function adminRoutes({ state, ok, problem, id, now, query, models }) {
  state.settings = settings()
  state.overrides = new Map()
  state.keys = []
  const user = (uid) => state.users.find((one) => one.id === Number(uid))
  const key = (one) => `${one.connectionId} ${one.model}`
  const place = (model) => state.overrides.get(key(model))?.position ?? 1e9
  const managed = () =>
    models()
      .toSorted((a, b) => (a.connectionId === b.connectionId ? place(a) - place(b) : 0))
      .map((model) => {
        const change = state.overrides.get(key(model)) ?? {}
        const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value != null))
        return {
          ...model,
          capabilitySource: 'provider',
          overridden: Object.keys(change).some((name) => !['connectionId', 'model', 'position'].includes(name)),
          ...given,
          hidden: change.hidden ?? false,
        }
      })

  return [
    ['GET', /^\/api\/settings\/system$/, (_, r) => ok(r, state.settings)],
    ['GET', /^\/api\/settings\/variables$/, (_, r) => ok(r, { items: state.variables ?? [] })],
    [
      'PATCH',
      /^\/api\/settings\/system$/,
      (_, r, __, body) => {
        if (body.siteBaseUrl && !body.siteBaseUrl.startsWith('http'))
          return problem(r, 422, 'validation_failed', { errors: { siteBaseUrl: ['The value starts with http:// or https://.'] } })
        const defaults = settings()
        for (const [name, value] of Object.entries(body))
          state.settings[name] = name === 'webSearchApiKey' ? { set: value !== null } : (value ?? defaults[name])
        return ok(r, state.settings)
      },
    ],
    [
      'GET',
      /^\/api\/settings\/app-info$/,
      (_, r) =>
        ok(r, {
          name: 'AiChat',
          version: '1.0.0',
          commit: '0123456789abcdef',
          sqliteVersion: '3.51.3',
          startedAt: new Date(Date.now() - 9e7).toISOString(),
          dataBytes: 48_300_000,
          notices: state.notices ?? [],
        }),
    ],
    [
      'GET',
      /^\/api\/audit$/,
      (q, r) => {
        const page = Number(query(q).get('cursor') ?? 0)
        ok(r, {
          items: [
            {
              id: 30 - page,
              at: now(),
              actorId: 1,
              actor: 'lin',
              action: 'settings.change',
              target: 'settings',
              detail: 'brandText = "Team", webSearchApiKey = (secret)',
              ip: '192.168.1.20',
            },
            { id: 29 - page, at: now(), actorId: 1, actor: 'lin', action: 'user.approve', target: 'user:4', ip: '192.168.1.20' },
            { id: 28 - page, at: now(), action: 'login.failed', target: 'user:4', ip: '192.168.1.31' },
          ],
          nextCursor: page === 0 ? '3' : null,
        })
      },
    ],

    [
      'POST',
      /^\/api\/users$/,
      (_, r, __, body) => {
        if (state.users.some((one) => one.username === body.username)) return problem(r, 409, 'username_taken')
        const made = {
          id: id(),
          username: body.username,
          role: body.role,
          status: 'ACTIVE',
          avatarUrl: null,
          createdAt: now(),
          dailyLimit: null,
          unlimited: false,
          passwordChangeRequired: true,
        }
        state.users.push(made)
        return ok(r, { user: made, oneTimeCode: 'KXQ4-7MPD-2WRT' }, 201)
      },
    ],
    [
      'GET',
      /^\/api\/users\/(\d+)$/,
      (_, r, [uid]) => {
        const at = new Date()
        const ends = (month, day) => new Date(Date.UTC(at.getUTCFullYear(), month, day)).toISOString()
        return ok(r, {
          ...user(uid),
          used: {
            messages: 12,
            dayTokens: 3400,
            monthTokens: 81_000,
            dayMoney: 0.25,
            monthMoney: 6.5,
            dayEndsAt: ends(at.getUTCMonth(), at.getUTCDate() + 1),
            monthEndsAt: ends(at.getUTCMonth() + 1, 1),
          },
        })
      },
    ],
    ['POST', /^\/api\/users\/(\d+)\/reset-password$/, (_, r) => ok(r, { oneTimeCode: 'ABCD-EFGH-JKLM' })],
    [
      'POST',
      /^\/api\/users\/(\d+)\/reject$/,
      (_, r, [uid], body) => ok(r, Object.assign(user(uid), { status: 'DISABLED', rejectionReason: body.reason ?? null })),
    ],
    ['PUT', /^\/api\/users\/(\d+)\/role$/, (_, r, [uid], body) => ok(r, Object.assign(user(uid), body))],
    [
      'PUT',
      /^\/api\/users\/(\d+)\/status$/,
      (_, r, [uid], body) => ok(r, Object.assign(user(uid), { status: body.status, rejectionReason: body.reason ?? null })),
    ],
    ['PUT', /^\/api\/users\/(\d+)\/quota$/, (_, r, [uid], body) => ok(r, Object.assign(user(uid), body))],
    [
      'DELETE',
      /^\/api\/users\/(\d+)$/,
      (_, r, [uid]) => {
        state.users = state.users.filter((one) => one.id !== Number(uid))
        ok(r, undefined, 204)
      },
    ],

    [
      'GET',
      /^\/api\/catalog\/models$/,
      (q, r) => ok(r, { items: managed().filter((one) => query(q).get('all') === 'true' || !one.hidden) }),
    ],
    ['GET', /^\/api\/catalog\/models\/overrides$/, (_, r) => ok(r, { items: [...state.overrides.values()] })],
    [
      'PUT',
      /^\/api\/catalog\/models$/,
      (_, r, __, body) => {
        state.overrides.set(key(body), { ...state.overrides.get(key(body)), ...body })
        ok(r, managed().find((one) => key(one) === key(body)) ?? {})
      },
    ],
    [
      'DELETE',
      /^\/api\/catalog\/models\/overrides$/,
      (_, r, __, body) => {
        if (body.all) state.overrides.clear()
        else for (const one of body.items) state.overrides.delete(key(one))
        ok(r, { deleted: 1 })
      },
    ],
    [
      'PUT',
      /^\/api\/catalog\/models\/order$/,
      (_, r, __, { connectionId, models: list }) => {
        list.forEach((model, position) => {
          const one = { connectionId, model }
          state.overrides.set(key(one), { ...one, ...state.overrides.get(key(one)), position })
        })
        ok(r, undefined, 204)
      },
    ],
    [
      'POST',
      /^\/api\/catalog\/models\/overrides\/import\/preview$/,
      (_, r, __, body) =>
        ok(r, {
          items: body.items.map((one) => {
            const fields = Object.keys(one).filter((name) => !['connectionId', 'connectionName', 'model'].includes(name))
            const known = state.connections.find((connection) => connection.id === one.connectionId)
            const outcome = one.contextLimit === 0 ? 'invalid' : !known ? 'unknown' : state.overrides.has(key(one)) ? 'changed' : 'added'
            return {
              model: one.model,
              connectionName: known?.name ?? one.connectionName,
              outcome,
              fields,
              listed: models().some((model) => key(model) === key(one)),
            }
          }),
        }),
    ],
    [
      'POST',
      /^\/api\/catalog\/models\/overrides\/import$/,
      (_, r, __, body) => {
        for (const one of body.items) state.overrides.set(key(one), one)
        ok(r, { imported: body.items.length })
      },
    ],
    [
      'POST',
      /^\/api\/catalog\/models\/refresh$/,
      (_, r) => ok(r, { items: state.connections.map((one) => ({ connectionId: one.id, ok: true, modelCount: 2 })) }),
    ],

    ['GET', /^\/api\/usage\/summary$/, (q, r) => ok(r, usage(query(q)))],
    ['GET', /^\/api\/admin\/usage$/, (q, r) => ok(r, usage(query(q)))],

    ['GET', /^\/api\/keys$/, (_, r) => ok(r, { items: state.keys, nextCursor: null })],
    [
      'POST',
      /^\/api\/keys$/,
      (_, r, __, body) => {
        const made = {
          id: id(),
          name: body.name,
          prefix: 'sk-Tq8dWx2',
          scopes: body.scopes ?? ['chat', 'models'],
          models: null,
          expiresAt: body.expiresAt ?? null,
          dailyBudget: body.dailyBudget ?? null,
          spentToday: 0,
          lastUsedAt: null,
          createdAt: now(),
        }
        state.keys.push(made)
        return ok(r, { id: made.id, name: made.name, key: 'sk-Tq8dWx2Lr0bVn5sYc7Ke1Mf4Hg9Jp3Au6ZtDi', prefix: made.prefix }, 201)
      },
    ],
    [
      'DELETE',
      /^\/api\/keys\/(\d+)$/,
      (_, r, [kid]) => {
        state.keys = state.keys.filter((one) => one.id !== Number(kid))
        ok(r, undefined, 204)
      },
    ],

    [
      'GET',
      /^\/api\/settings\/personal$/,
      (_, r) => ok(r, { locale: 'system', theme: 'system', preferredModel: null, contextEnabled: true, ...state.personal }),
    ],
    ['PUT', /^\/api\/settings\/personal$/, (_, r, __, body) => ok(r, (state.personal = { ...state.personal, ...body }))],
    [
      'PUT',
      /^\/api\/settings\/personal\/avatar$/,
      (q, r, __, bytes) => {
        state.avatar = bytes
        state.current.avatarUrl = `/avatars/${id()}.webp`
        ok(r, undefined, 204)
      },
    ],
    [
      'PUT',
      /^\/api\/settings\/assistant-avatar$/,
      (_, r, __, bytes) => {
        state.face = bytes
        ok(r, { avatarUrl: faceUrl(state) })
      },
    ],
    [
      'PUT',
      /^\/api\/settings\/logo$/,
      (_, r, __, bytes) => {
        state.logo = bytes
        ok(r, { logoUrl: logoUrl(state) })
      },
    ],
    [
      'DELETE',
      /^\/api\/settings\/logo$/,
      (_, r) => {
        state.logo = null
        ok(r, undefined, 204)
      },
    ],
    [
      'DELETE',
      /^\/api\/settings\/assistant-avatar$/,
      (_, r) => {
        state.face = null
        ok(r, undefined, 204)
      },
    ],
    [
      'DELETE',
      /^\/api\/settings\/personal\/avatar$/,
      (_, r) => {
        state.current.avatarUrl = null
        ok(r, undefined, 204)
      },
    ],
    [
      'DELETE',
      /^\/api\/account$/,
      (_, r, __, body) => {
        if (body.password !== 'long-enough-1') return problem(r, 422, 'wrong_password')
        state.current = null
        return ok(r, undefined, 204)
      },
    ],
  ]
}
