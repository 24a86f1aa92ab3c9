// What the fake server answers around the conversation: the list of chats, search, settings, shares, usage.

/** Routes as `[method, pattern, handle(request, response, groups, body)]`. */
export function aroundRoutes({ state, ok, problem, now, query }) {
  const shares = new Map()
  state.drafts = new Map()
  function found(session, words) {
    const has = (text) => words.every((word) => text.toLowerCase().includes(word))
    const matches = state.messages
      .get(session.id)
      .filter((message) => has(message.content))
      .map((message) => ({ messageId: message.id, snippet: message.content.slice(0, 160) }))
    return has(session.title) || matches.length > 0 ? [{ ...session, matches }] : []
  }

  return [
    [
      'GET',
      /^\/api\/drafts\/(\w+)$/,
      (_, r, [slot]) => ok(r, { text: state.drafts.get(slot) ?? '', updatedAt: state.drafts.has(slot) ? now() : null }),
    ],
    [
      'PUT',
      /^\/api\/drafts\/(\w+)$/,
      (_, r, [slot], body) => {
        state.drafts.set(slot, body.text)
        ok(r, undefined, 204)
      },
    ],
    [
      'DELETE',
      /^\/api\/drafts\/(\w+)$/,
      (_, r, [slot]) => {
        state.drafts.delete(slot)
        ok(r, undefined, 204)
      },
    ],
    [
      'GET',
      /^\/api\/sessions$/,
      (request, response) => {
        const params = query(request)
        const words = (params.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean)
        const archived = params.get('archived') === 'true'
        const all = [...state.sessions.values()]
          .filter((session) => (words.length > 0 || Boolean(session.archived) === archived) && !session.temporary)
          .sort((a, b) => Number(b.pinned ?? false) - Number(a.pinned ?? false) || b.updatedAt.localeCompare(a.updatedAt))
          .flatMap((session) => (words.length > 0 ? found(session, words) : [session]))
        const from = Number(params.get('cursor') ?? 0)
        const to = from + Number(params.get('limit') ?? 50)
        ok(response, { items: all.slice(from, to), nextCursor: to < all.length ? String(to) : null })
      },
    ],
    [
      'GET',
      /^\/api\/sessions\/(\d+)\/share$/,
      (_, r, [sid]) => (shares.has(Number(sid)) ? ok(r, shares.get(Number(sid))) : problem(r, 404, 'not_found')),
    ],
    [
      'POST',
      /^\/api\/sessions\/(\d+)\/share$/,
      (_, r, [sid], body) => {
        const token = `Kx9_share-${sid}-${shares.size}`
        shares.set(Number(sid), { token, url: `/share/${token}`, expiresAt: body.expiresAt ?? null, createdAt: now(), lastMessageId: 1 })
        ok(r, shares.get(Number(sid)))
      },
    ],
    [
      'DELETE',
      /^\/api\/sessions\/(\d+)\/share$/,
      (_, r, [sid]) => {
        shares.delete(Number(sid))
        ok(r, undefined, 204)
      },
    ],
    [
      'GET',
      /^\/api\/shares$/,
      (_, r) =>
        ok(r, {
          items: [...shares].map(([sid, one]) => ({
            sessionId: sid,
            title: state.sessions.get(sid).title,
            url: one.url,
            expiresAt: one.expiresAt,
            createdAt: one.createdAt,
          })),
          nextCursor: null,
        }),
    ],
    [
      'GET',
      /^\/api\/shares\/([\w-]+)$/,
      (_, r, [token]) => {
        const [sid, share] = [...shares].find(([, one]) => one.token === token) ?? []
        if (!share) return problem(r, 404, 'not_found')
        return ok(r, {
          title: state.sessions.get(sid).title,
          createdAt: share.createdAt,
          expiresAt: share.expiresAt,
          items: state.messages.get(sid),
          nextCursor: null,
        })
      },
    ],
    [
      'POST',
      /^\/api\/settings\/web-search\/test$/,
      (_, r) =>
        ok(
          r,
          state.settings.webSearchApiKey.set
            ? { ok: true, results: [{ number: 1, title: 'A result', url: 'https://a.example' }] }
            : { ok: false, code: 'provider_unauthorized', detail: 'HTTP 401', results: [] },
        ),
    ],
  ]
}
