// What the fake server answers for imports of chats. The name of the file decides what comes of it.

const nothing = { taken: 0, updated: 0, unchanged: 0, messages: 0, images: 0, skipped: [], skippedCount: 0 }

const skipped = [
  { what: 'shared_conversations.json', code: 'not_taken', why: 'It lists links of the other service.' },
  { what: 'file-17 (Summer in Porto)', code: 'image_missing', why: 'The export does not hold this picture.' },
]

/** Routes as `[method, pattern, handle(request, response, groups, body)]`. */
export function importRoutes({ state, ok, problem, now, query, id }) {
  state.imports = []

  /** A running import has ended when it is asked for the second time. */
  function end(item) {
    if (item.name.startsWith('all-chats') && !item.everyone) {
      Object.assign(item, { state: 'failed', error: { code: 'several_owners', detail: 'This file holds chats of several people.' } })
      return
    }
    const session = [...state.sessions.keys()][0] ?? 1
    const taken = { taken: 42, updated: 1, unchanged: 3, messages: 960, images: 17, firstSessionId: session }
    const report = { ...nothing, ...taken, skipped, skippedCount: 2 }
    Object.assign(item, { state: 'done', progress: 1, report })
  }

  return [
    [
      'POST',
      /^\/api\/imports$/,
      (request, r, _, body) => {
        const asked = query(request)
        if (asked.get('name') === 'huge.zip') return problem(r, 413, 'too_large')
        const item = {
          id: id(),
          name: asked.get('name'),
          bytes: body.length,
          state: 'running',
          progress: 0,
          report: nothing,
          createdAt: now(),
          everyone: asked.get('everyone') === 'true',
          reads: 0,
        }
        state.imports.unshift(item)
        return ok(r, item, 202)
      },
    ],
    ['GET', /^\/api\/imports$/, (_, r) => ok(r, { items: state.imports })],
    [
      'GET',
      /^\/api\/imports\/(\d+)$/,
      (_, r, [iid]) => {
        const item = state.imports.find((one) => one.id === Number(iid))
        if (!item) return problem(r, 404, 'not_found')
        if (item.state === 'running' && ++item.reads > 1) end(item)
        else if (item.state === 'running') Object.assign(item, { progress: 0.5, report: { ...nothing, taken: 20 } })
        return ok(r, item)
      },
    ],
    [
      'DELETE',
      /^\/api\/imports\/(\d+)$/,
      (_, r, [iid]) => {
        state.imports = state.imports.filter((one) => one.id !== Number(iid))
        ok(r, undefined, 204)
      },
    ],
  ]
}
