import type { ChatEvent, Message, ToolCall } from '../api/types'

/** Applies one event to its message. A pure function: the same events always give the same message. */
export function applyEvent(message: Message, event: ChatEvent): Message {
  switch (event.type) {
    case 'start':
      return event.assistantMessage
    case 'delta':
      return { ...message, content: message.content + event.text }
    case 'reasoning':
      return {
        ...message,
        // Text without an opening tag turned out to be reasoning.
        ...(event.contentLength !== undefined ? { content: message.content.slice(0, event.contentLength) } : {}),
        reasoning:
          (message.reasoning ?? '') + (event.text ?? '')
          + (event.contentLength !== undefined ? message.content.slice(event.contentLength) : ''),
        ...(event.done && event.ms !== undefined ? { reasoningMs: event.ms } : {}),
      }
    case 'retry': {
      const { type: _, ...retry } = event
      return { ...message, retry }
    }
    case 'tool':
      return { ...message, toolCalls: withTool(message.toolCalls ?? [], event) }
    case 'usage': {
      const { type: _, ...usage } = event
      return { ...message, usage }
    }
    case 'error':
      return { ...message, error: { code: event.code, detail: event.detail ?? null } }
    case 'done':
      return {
        ...message,
        status: event.status,
        finishReason: event.finishReason ?? null,
        usage: event.usage ?? message.usage ?? null,
        firstTokenMs: event.firstTokenMs ?? null,
        totalMs: event.totalMs ?? null,
        ...(event.images ? { images: event.images } : {}),
        ...(event.removedVersions ? { siblings: message.siblings?.filter((id) => !event.removedVersions?.includes(id)) ?? null } : {}),
        // A fallback model may have answered in place of the requested one.
        ...(event.model ? { connectionId: event.connectionId ?? null, model: event.model, provider: event.provider ?? null } : {}),
      }
    case 'quota':
    case 'title':
      return message
    default:
      return event satisfies never
  }
}

function withTool(calls: readonly ToolCall[], event: ToolCall & { type: 'tool' }): ToolCall[] {
  const { type: _, ...call } = event
  const known = calls.findIndex((one) => one.id === call.id)
  return known < 0 ? [...calls, call] : calls.map((one, index) => (index === known ? { ...one, ...call } : one))
}
