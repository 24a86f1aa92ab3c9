// Recorded requests, as an administrator finds them.

const statuses = ['completed', 'completed', 'failed', 'stopped']

function traces() {
  const begun = Date.parse('2026-11-24T09:00:00Z')
  return Array.from({ length: 26 }, (_, at) => {
    const started = begun - at * 36e5
    const status = statuses[at % statuses.length]
    return {
      id: 126 - at,
      userId: at % 3 ? 1 : 2,
      actor: at % 3 ? 'lin' : 'mei_lin',
      kind: 'send',
      sessionId: 40 + (at % 5),
      messageId: 500 + at,
      clientMessageId: `m-${at}`,
      provider: 'openai',
      model: at % 2 ? 'gpt-large' : 'gpt-small',
      status,
      startedAt: new Date(started).toISOString(),
      endedAt: new Date(started + 1840).toISOString(),
      durationMs: 1840,
      eventCount: 8,
      truncated: at === 4,
    }
  })
}

function events(trace) {
  const at = (ms) => new Date(Date.parse(trace.startedAt) + ms).toISOString()
  const list = [
    [
      'request',
      0,
      {
        kind: 'send',
        clientMessageId: trace.clientMessageId,
        contentChars: 42,
        contentMark: '9f3a01c2b4d5',
        model: trace.model,
        connection: 'Workstation',
      },
    ],
    ['gate', 3, { admitted: true, dailyLimit: 200, messagesUsed: 12, heldTokens: 4210 }],
    ['context', 9, { turns: 5, trimmedTurns: 0, promptTokens: 812, contextLimit: 128000 }],
    ['upstream.request', 10, { attempt: 1, host: 'llm.example.org', provider: 'openai', model: trace.model, turns: 5, timeoutMs: 600000 }],
    ...(trace.status === 'failed'
      ? [
          ['upstream.retry', 420, { code: 'provider_rate_limited', status: 429, waitMs: 380, nextModel: trace.model }],
          ['error', 1800, { code: 'provider_server_error', status: 503, detailChars: 31 }],
        ]
      : [
          ['upstream.first', 640, { callMs: 630, elapsedMs: 640 }],
          ['usage', 1790, { promptTokens: 812, completionTokens: 144, source: 'provider' }],
        ]),
    ['persist.final', 1835, { stored: true, contentChars: 611, contentMark: '01c2b4d59f3a' }],
    ['end', 1840, { status: trace.status === 'completed' ? 'done' : trace.status }],
  ]
  return list.map(([type, ms, payload], seq) => ({ seq: seq + 1, type, at: at(ms), payload }))
}

export function traceRoutes({ state, ok, problem, query }) {
  state.traces = traces()
  const of = (id) => state.traces.find((one) => one.id === Number(id))
  return [
    [
      'GET',
      /^\/api\/task-trace$/,
      (q, r) => {
        const asked = query(q)
        const [page, size] = [Number(asked.get('page') ?? 1), Number(asked.get('pageSize') ?? 20)]
        const words = (asked.get('q') ?? '').toLowerCase()
        const found = state.traces.filter(
          (one) =>
            (!asked.get('status') || one.status === asked.get('status')) &&
            (!asked.get('sessionId') || one.sessionId === Number(asked.get('sessionId'))) &&
            (one.actor.includes(words) || one.model.includes(words)),
        )
        if (state.tracesDown) return problem(r, 503, 'storage_unavailable')
        return ok(r, { items: found.slice((page - 1) * size, page * size), total: found.length, page, pageSize: size })
      },
    ],
    [
      'GET',
      /^\/api\/task-trace\/(\d+)$/,
      (_, r, [id]) =>
        of(id) ? ok(r, { trace: of(id), events: events(of(id)), truncated: of(id).truncated }) : problem(r, 404, 'not_found'),
    ],
    [
      'GET',
      /^\/api\/task-trace\/(\d+)\/export$/,
      (_, r, [id]) =>
        r
          .writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Disposition': `attachment; filename=trace-${id}.txt` })
          .end(`Task trace ${id}\n`),
    ],
    [
      'POST',
      /^\/api\/task-trace\/cleanup$/,
      (_, r, __, body) => {
        const before = Date.parse('2026-11-24T09:00:00Z') - (body.retentionDays ?? 7) * 864e5
        const kept = state.traces.filter((one) => Date.parse(one.startedAt) >= before)
        const deleted = state.traces.length - kept.length
        state.traces = kept
        return ok(r, { deleted })
      },
    ],
    [
      'DELETE',
      /^\/api\/task-trace\/(\d+)$/,
      (_, r, [id]) => {
        if (!of(id)) return problem(r, 404, 'not_found')
        state.traces = state.traces.filter((one) => one !== of(id))
        return ok(r, undefined, 204)
      },
    ],
    [
      'DELETE',
      /^\/api\/task-trace$/,
      (_, r) => {
        const deleted = state.traces.length
        state.traces = []
        return ok(r, { deleted })
      },
    ],
  ]
}
