import { describe, expect, it } from 'vitest'
import type { ChatEvent, Message } from '../../src/lib/api/types'
import { applyEvent } from '../../src/lib/state/reduce'

const empty: Message = {
  id: 7,
  sessionId: 1,
  parentId: 6,
  role: 'assistant',
  content: '',
  status: 'streaming',
  createdAt: '2026-11-23T08:00:00.000Z',
}
const run = (events: ChatEvent[], from: Message = empty) => events.reduce(applyEvent, from)

describe('applyEvent', () => {
  it('replaces on start and appends deltas', () => {
    const started = run([{ type: 'start', sessionId: 1, userMessage: { ...empty, role: 'user' }, assistantMessage: empty }], {
      ...empty,
      id: -1,
      content: 'old',
    })
    expect(started).toEqual(empty)
    expect(run([{ type: 'delta', text: 'Hel' }, { type: 'delta', text: 'lo' }]).content).toBe('Hello')
  })

  it('collects reasoning and its time', () => {
    const message = run([{ type: 'reasoning', text: 'a' }, { type: 'reasoning', text: 'b' }, { type: 'reasoning', done: true, ms: 1200 }])
    expect([message.reasoning, message.reasoningMs]).toEqual(['ab', 1200])
  })

  it('updates a tool call in place', () => {
    const calls = run([
      { type: 'tool', id: 'a', name: 'search', status: 'running', arguments: '{}' },
      { type: 'tool', id: 'b', name: 'search', status: 'running' },
      { type: 'tool', id: 'a', name: 'search', status: 'succeeded', result: 'ok' },
    ]).toolCalls
    expect(calls).toEqual([
      { id: 'a', name: 'search', status: 'succeeded', arguments: '{}', result: 'ok' },
      { id: 'b', name: 'search', status: 'running' },
    ])
  })

  it('keeps the text and says why when an answer fails', () => {
    const message = run([
      { type: 'delta', text: 'part' },
      { type: 'error', code: 'provider_connection_lost' },
      { type: 'done', messageId: 7, status: 'failed' },
    ])
    expect([message.content, message.status, message.error?.code]).toEqual(['part', 'failed', 'provider_connection_lost'])
  })

  it('names the model that wrote the answer when it was not the one asked', () => {
    const asked: Message = { ...empty, connectionId: 1, model: 'asked', provider: 'openai' }
    const live = run([
      { type: 'start', sessionId: 1, userMessage: null, assistantMessage: asked },
      { type: 'done', messageId: 7, status: 'done', connectionId: 2, model: 'other', provider: 'ollama' },
    ])
    expect([live.connectionId, live.model, live.provider]).toEqual([2, 'other', 'ollama'])
    expect(run([{ type: 'done', messageId: 7, status: 'done' }], asked).model).toBe('asked')
  })

  it('forgets the older versions that went for a new one', () => {
    const again: Message = { ...empty, siblings: [3, 5, 7] }
    expect(run([{ type: 'done', messageId: 7, status: 'done', removedVersions: [3] }], again).siblings).toEqual([5, 7])
    expect(run([{ type: 'done', messageId: 7, status: 'done' }], again).siblings).toEqual([3, 5, 7])
  })

  it('does not change the message it was given', () => {
    const before = Object.freeze({ ...empty })
    run([{ type: 'delta', text: 'x' }, { type: 'done', messageId: 7, status: 'done' }], before)
    expect(before.content).toBe('')
  })
})
