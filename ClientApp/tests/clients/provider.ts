import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  path: string
  body: Record<string, unknown>
}

export interface Provider {
  url: string
  asked: Asked[]
  close(): void
}

/** A provider that speaks OpenAI's and Anthropic's protocols and answers by a word in the question: tool, fail, else text. */
export async function startProvider(): Promise<Provider> {
  const asked: Asked[] = []
  const server = createServer((request, response) => void answer(request, response, asked))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close: () => server.close() }
}

async function answer(request: IncomingMessage, response: ServerResponse, asked: Asked[]) {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  const path = request.url ?? ''
  if (request.method === 'GET') return void response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"data":[]}')
  asked.push({ path, body: JSON.parse(text) as Record<string, unknown> })
  if (text.includes('please fail'))
    return void response.writeHead(400, { 'Content-Type': 'application/json' }).end('{"error":{"message":"no such thing"}}')
  if (path.endsWith('/embeddings'))
    return void response
      .writeHead(200, { 'Content-Type': 'application/json' })
      .end('{"data":[{"index":0,"embedding":[0.25,-0.5]}],"usage":{"prompt_tokens":3}}')
  const calls = text.includes('use the tool') && !text.includes('22 degrees')
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  for (const frame of path.endsWith('/messages') ? anthropic(calls) : openai(calls)) response.write(frame)
  response.end()
}

function openai(calls: boolean): string[] {
  const chunk = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  const said = calls
    ? [
        chunk({
          role: 'assistant',
          tool_calls: [{ index: 0, id: 'call_7', type: 'function', function: { name: 'weather', arguments: '{"city":' } }],
        }),
        chunk({ tool_calls: [{ index: 0, function: { arguments: '"Oslo"}' } }] }),
      ]
    : [chunk({ role: 'assistant', reasoning_content: 'Let me see.' }), chunk({ content: 'Hello' }), chunk({ content: ' there' })]
  const usage = {
    choices: [],
    usage: { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16, prompt_tokens_details: { cached_tokens: 4 } },
  }
  return [...said, chunk({}, calls ? 'tool_calls' : 'stop'), `data: ${JSON.stringify(usage)}\n\n`, 'data: [DONE]\n\n']
}

function anthropic(calls: boolean): string[] {
  const event = (type: string, rest: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`
  const block = calls ? { type: 'tool_use', id: 'toolu_7', name: 'weather', input: {} } : { type: 'text', text: '' }
  const deltas = calls
    ? ['{"city":', '"Oslo"}'].map((json) => ({ type: 'input_json_delta', partial_json: json }))
    : ['Hello', ' there'].map((text) => ({ type: 'text_delta', text }))
  return [
    event('message_start', {
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        content: [],
        model: 'x',
        stop_reason: null,
        usage: { input_tokens: 11, output_tokens: 1 },
      },
    }),
    event('content_block_start', { index: 0, content_block: block }),
    ...deltas.map((delta) => event('content_block_delta', { index: 0, delta })),
    event('content_block_stop', { index: 0 }),
    event('message_delta', { delta: { stop_reason: calls ? 'tool_use' : 'end_turn', stop_sequence: null }, usage: { output_tokens: 5 } }),
    event('message_stop', {}),
  ]
}
