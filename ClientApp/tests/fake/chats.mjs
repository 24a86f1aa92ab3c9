// The chats of the fake server: trees of messages, runs, and their streams.
import { answer, reasoning } from './answer.mjs'

export function chatRoutes({ state, id, now, ok, problem, tokenMs }) {
  const all = () => [...state.messages.values()].flat()
  const find = (mid) => all().find((one) => one.id === mid)
  const children = (sid, parentId) => state.messages.get(sid).filter((one) => one.parentId === parentId)

  /** From the root to the active end. */
  function branch(sid) {
    const list = state.messages.get(sid)
    const path = []
    for (let at = list.find((one) => one.id === state.leaves.get(sid)) ?? list.at(-1); at; at = list.find((one) => one.id === at.parentId))
      path.unshift(at)
    return path
  }
  function descend(sid, from) {
    let at = from
    for (let next = at; next; next = children(sid, at.id).at(-1)) at = next
    state.leaves.set(sid, at?.id ?? null)
  }
  const view = (one) => ({ ...one, siblings: children(one.sessionId, one.parentId).map((other) => other.id) })

  function startRun(user, message) {
    const sid = message.sessionId
    const before = message.content
    const run = { events: [], listeners: new Set() }
    Object.assign(message, { status: 'streaming', content: '' })
    state.runs.set(message.id, run)
    state.leaves.set(sid, message.id)
    state.sessions.get(sid).activeRunMessageId = message.id
    let position = 0
    const emit = (type, data, weight = 1) => {
      position += weight
      message.eventId = position
      const frame = `id: ${position}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`
      run.events.push({ position, frame })
      for (const listener of run.listeners) listener(frame, type === 'done')
    }
    emit('start', {
      sessionId: sid,
      userMessage: view(user),
      assistantMessage: { ...view(message), content: '' },
      model: message.model,
      contextLimit: 8192,
      promptTokens: 420,
    })
    if (state.retry) emit('retry', state.retry)
    const text = before === '' ? (state.say ?? answer) : `${before} ${state.say ?? answer}`
    const thoughts =
      before === '' && state.say === null ? [...reasoning.match(/[\s\S]{1,6}/g).map((part) => ['reasoning', part]), ['thought']] : []
    const tools = (state.tools ?? []).flatMap((tool) => [
      ['tool', { ...tool, status: 'running', result: undefined }],
      ['tool', tool],
    ])
    const parts = [...thoughts, ...tools, ...text.match(/[\s\S]{1,5}/g).map((part) => ['delta', part])]
    let next = 0
    const finish = (status) => {
      clearInterval(timer)
      Object.assign(message, {
        status,
        totalMs: 4200,
        firstTokenMs: 310,
        usage: {
          promptTokens: 42,
          completionTokens: 512,
          totalTokens: 554,
          cachedTokens: 40,
          cost: 0.0012,
          saved: 0.0009,
          source: 'provider',
        },
      })
      delete message.eventId
      state.sessions.get(sid).activeRunMessageId = null
      emit('done', {
        messageId: message.id,
        status,
        finishReason: status === 'done' ? 'stop' : null,
        usage: message.usage,
        firstTokenMs: 310,
        totalMs: 4200,
      })
      state.runs.delete(message.id)
    }
    run.finish = finish
    const began = performance.now()
    // By the clock: a late timer catches up, so that the rate is the requested one.
    const timer = setInterval(() => {
      do step()
      while (state.runs.get(message.id) === run && next * tokenMs < performance.now() - began && !held())
    }, tokenMs)
    // Held: half of the answer is sent, and the rest waits.
    const held = () => state.hold && next > parts.length / 2
    function step() {
      if (held()) return
      if (state.fail && next > parts.length / 2) {
        position += 1
        const frame = `id: ${position}\nevent: error\ndata: ${state.fail}\n\n`
        run.events.push({ position, frame })
        for (const listener of run.listeners) listener(frame, false)
        let code = null
        try { code = JSON.parse(state.fail).code ?? null } catch { /* the page has to bear it */ }
        message.error = code ? { code, detail: null } : null
        return finish('failed')
      }
      const part = parts[next++]
      if (!part) return finish('done')
      const [type, data] = part
      if (type === 'tool') {
        message.toolCalls = [...message.toolCalls.filter((one) => one.id !== data.id), data]
        return emit('tool', data)
      }
      if (type === 'thought') {
        message.reasoningMs = 2300
        return emit('reasoning', { done: true, ms: 2300 })
      }
      if (type === 'delta') message.content += data
      else message.reasoning = (message.reasoning ?? '') + data
      return emit(type, { text: data }, data.length)
    }
    return run
  }

  /** `once`: what there is, and the end, as a reader asks for it whose stream is silent. */
  function follow(response, run, after, once = false) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write(': \n\n')
    for (const event of run.events) if (event.position > after) response.write(event.frame)
    if (once) return void response.end()
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

  function answerTo(user, model) {
    const message = {
      id: id(),
      sessionId: user.sessionId,
      parentId: user.id,
      role: 'assistant',
      content: '',
      status: 'streaming',
      model: model ?? 'demo',
      createdAt: now(),
      toolCalls: [],
      images: [],
    }
    state.messages.get(user.sessionId).push(message)
    return startRun(user, message)
  }

  return [
    [
      'GET',
      /^\/api\/chat\/runs$/,
      (_, r) =>
        ok(r, {
          items: [...state.sessions.values()]
            .filter((one) => one.activeRunMessageId)
            .map((one) => ({ sessionId: one.id, messageId: one.activeRunMessageId, startedAt: now() })),
        }),
    ],
    [
      'POST',
      /^\/api\/sessions$/,
      (_, r, __, body) => {
        const one = {
          id: id(),
          title: '',
          connectionId: null,
          model: null,
          ...body,
          createdAt: now(),
          updatedAt: now(),
          activeRunMessageId: null,
        }
        state.sessions.set(one.id, one)
        state.messages.set(one.id, [])
        ok(r, one, 201)
      },
    ],
    [
      'GET',
      /^\/api\/sessions\/(\d+)$/,
      (_, r, [sid]) => (state.sessions.has(Number(sid)) ? ok(r, state.sessions.get(Number(sid))) : problem(r, 404, 'not_found')),
    ],
    ['PATCH', /^\/api\/sessions\/(\d+)$/, (_, r, [sid], body) => ok(r, Object.assign(state.sessions.get(Number(sid)), body))],
    [
      'DELETE',
      /^\/api\/sessions\/(\d+)$/,
      (_, r, [sid]) => {
        state.sessions.delete(Number(sid))
        ok(r, undefined, 204)
      },
    ],
    [
      'GET',
      /^\/api\/sessions\/(\d+)\/messages$/,
      (q, r, [sid]) => {
        if (!state.messages.has(Number(sid))) return problem(r, 404, 'not_found')
        const before = new URL(q.url, 'http://x').searchParams.get('before')
        const path = branch(Number(sid))
        const to = before ? path.findIndex((one) => one.id === Number(before)) : path.length
        const from = Math.max(0, to - 50)
        return ok(r, { items: path.slice(from, to).map(view), nextCursor: from > 0 ? String(path[from].id) : null })
      },
    ],
    [
      'GET',
      /^\/api\/sessions\/(\d+)\/usage$/,
      (_, r, [sid]) => {
        if (!state.context) return problem(r, 404, 'not_found')
        const path = branch(Number(sid))
        const covered = path.findLastIndex((one) => one.summary != null)
        const trimmed = covered < 0 ? state.context.trimmedMessages : 0
        ok(r, { context: { ...state.context, trimmedMessages: trimmed, firstMessageId: path[trimmed]?.id ?? null } })
      },
    ],
    [
      'POST',
      /^\/api\/sessions\/(\d+)\/summary$/,
      (_, r, [sid]) => {
        const one = branch(Number(sid))[1]
        one.summary = 'Ann likes tea.'
        ok(r, { messageId: one.id, summary: one.summary })
      },
    ],
    [
      'PUT',
      /^\/api\/sessions\/(\d+)\/messages\/(\d+)\/summary$/,
      (_, r, [, mid], { summary }) => {
        find(Number(mid)).summary = summary
        ok(r, undefined, 204)
      },
    ],
    [
      'DELETE',
      /^\/api\/sessions\/(\d+)\/messages\/(\d+)$/,
      (_, r, [sid, mid]) => {
        const list = state.messages.get(Number(sid))
        const gone = new Set([Number(mid)])
        for (const one of list) if (gone.has(one.parentId)) gone.add(one.id)
        const { parentId } = find(Number(mid))
        state.messages.set(
          Number(sid),
          list.filter((one) => !gone.has(one.id)),
        )
        descend(Number(sid), children(Number(sid), parentId).at(-1) ?? find(parentId))
        ok(r, undefined, 204)
      },
    ],
    [
      'GET',
      /^\/api\/sessions\/(\d+)\/find$/,
      (q, r, [sid]) => {
        const words = new URL(q.url, 'http://x').searchParams.get('q').toLowerCase()
        const items = state.messages
          .get(Number(sid))
          .filter((one) => one.content.toLowerCase().includes(words))
          .map((one) => ({ messageId: one.id, role: one.role, snippet: one.content.slice(0, 80), marks: [] }))
        ok(r, { items: items.slice(0, 100), total: items.length, nextCursor: null })
      },
    ],
    [
      'POST',
      /^\/api\/sessions\/(\d+)\/branch$/,
      (_, r, [sid], body) => {
        descend(Number(sid), find(body.messageId))
        ok(r, undefined, 204)
      },
    ],
    [
      'POST',
      /^\/api\/sessions\/(\d+)\/fork$/,
      (_, r, [sid], body) => {
        const one = { ...state.sessions.get(Number(sid)), id: id(), updatedAt: now() }
        const path = branch(Number(sid))
        const copies = path
          .slice(0, path.findIndex((message) => message.id === body.messageId) + 1)
          .map((message) => ({ ...message, id: id(), sessionId: one.id }))
        copies.forEach((copy, at) => {
          copy.parentId = copies[at - 1]?.id ?? null
        })
        state.sessions.set(one.id, one)
        state.messages.set(one.id, copies)
        ok(r, one, 201)
      },
    ],
    [
      'POST',
      /^\/api\/chat\/stream$/,
      (_, r, __, body) => {
        const session = state.sessions.get(body.sessionId)
        state.asked.push(body)
        if (body.content.startsWith('refuse')) return problem(r, 429, 'quota_exceeded')
        const parentId = 'parentId' in body ? body.parentId : (branch(session.id).at(-1)?.id ?? null)
        const images = (body.imageIds ?? []).map((key) => ({ ...state.images.get(key), bytes: undefined }))
        const user = {
          id: id(),
          sessionId: session.id,
          parentId,
          role: 'user',
          content: body.content,
          images,
          status: 'done',
          clientMessageId: body.clientMessageId,
          createdAt: now(),
        }
        state.messages.get(session.id).push(user)
        session.title ||= body.content.slice(0, 40)
        session.updatedAt = now()
        return follow(r, answerTo(user), 0)
      },
    ],
    [
      'POST',
      /^\/api\/chat\/regenerate$/,
      (_, r, __, body) => {
        const old = find(body.messageId)
        state.asked.push(body)
        return old ? follow(r, answerTo(find(old.parentId), body.model), 0) : problem(r, 404, 'not_found')
      },
    ],
    [
      'POST',
      /^\/api\/chat\/continue$/,
      (_, r, __, body) => {
        const old = find(body.messageId)
        state.asked.push(body)
        return old ? follow(r, startRun(find(old.parentId), old), 0) : problem(r, 404, 'not_found')
      },
    ],
    [
      'GET',
      /^\/api\/chat\/stream\/(\d+)$/,
      (q, r, [mid]) => {
        const run = state.runs.get(Number(mid))
        if (!run) return problem(r, 404, 'not_found')
        const asked = new URL(q.url, 'http://x').searchParams
        return follow(r, run, Number(asked.get('after') ?? 0), asked.get('follow') === 'false')
      },
    ],
    [
      'POST',
      /^\/api\/images$/,
      (q, r, __, bytes) => {
        const key = `image-${id()}-0000000000`
        const one = { id: key, url: `/chat-images/${key}`, width: 320, height: 200, mime: q.headers['content-type'], bytes }
        state.images.set(key, one)
        ok(r, { ...one, bytes: bytes.length }, 201)
      },
    ],
    [
      'DELETE',
      /^\/api\/images\/(.+)$/,
      (_, r, [key]) => {
        state.images.delete(key)
        ok(r, undefined, 204)
      },
    ],
    ['GET', /^\/api\/prompts$/, (_, r) => ok(r, { items: state.prompts, nextCursor: null })],
    [
      'POST',
      /^\/api\/prompts$/,
      (_, r, __, body) => {
        if (state.prompts.some((one) => one.name === body.name)) return problem(r, 409, 'name_taken')
        const one = {
          id: id(),
          ...body,
          variables: [...new Set([...body.text.matchAll(/\{\{([\p{L}\p{N}_-]{1,40})\}\}/gu)].map((match) => match[1]))],
          own: true,
          updatedAt: now(),
        }
        state.prompts.push(one)
        return ok(r, one, 201)
      },
    ],
    [
      'DELETE',
      /^\/api\/prompts\/(\d+)$/,
      (_, r, [pid]) => {
        state.prompts = state.prompts.filter((one) => one.id !== Number(pid))
        ok(r, undefined, 204)
      },
    ],
    [
      'POST',
      /^\/api\/chat\/stop$/,
      (_, r, __, body) => {
        state.runs.get(body.messageId)?.finish('stopped')
        ok(r, undefined, 204)
      },
    ],
  ]
}
