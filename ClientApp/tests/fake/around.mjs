// What the fake server answers around the conversation: the list of chats, search, settings, shares, usage.

/** Routes as `[method, pattern, handle(request, response, groups, body)]`. */
export function aroundRoutes({ state, ok, query }) {
  function found(session, words) {
    const has = (text) => words.every((word) => text.toLowerCase().includes(word))
    const matches = state.messages.get(session.id).filter((message) => has(message.content)).map((message) => ({ messageId: message.id, snippet: message.content.slice(0, 160) }))
    return has(session.title) || matches.length > 0 ? [{ ...session, matches }] : []
  }

  return [
    ['GET', /^\/api\/sessions$/, (request, response) => {
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
    }],
  ]
}
