import { createServer } from 'node:http'

/** What the stand-in says when it is asked for JSON. */
export const weather = { city: 'Oslo', degrees: 22 }

/** The protocols, each with the kind of connection and where it is below the stand-in's address. */
export const protocols = {
  openai: { provider: 'openai', base: '/oa/v1' },
  responses: { provider: 'openai_responses', base: '/re/v1' },
  anthropic: { provider: 'anthropic', base: '/an' },
  gemini: { provider: 'google_genai', base: '/ge' },
  ollama: { provider: 'ollama', base: '/ol' },
}

/**
 * A provider that speaks all protocols and does what the question says: "use the tool N times" calls a tool until RESULT-N has come, "fail
 * with S" answers with that status, "be slow" says one word and waits; else it says "Hello there", or JSON when a schema is asked for.
 */
export async function startStandIn() {
  const asked = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    if (request.method === 'GET' || request.url.endsWith('/show')) return void response.writeHead(200, json).end('{"data":[],"models":[]}')
    const body = request.headers['content-type']?.startsWith('application/json') ? JSON.parse(text) : {}
    const entry = { path: request.url, text, body, headers: request.headers, closed: new Promise((done) => response.on('close', done)) }
    asked.push(entry)
    const beside = Object.entries(endpoints).find(([path]) => request.url.endsWith(`/v1/${path}`))
    if (beside) beside[1](response, body)
    else answer(request.url.split('/')[1], entry, response)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${server.address().port}`
  return { url, asked, close: () => { server.closeAllConnections(); server.close() } }
}

const json = { 'Content-Type': 'application/json' }

function answer(protocol, { text, body }, response) {
  const status = /fail with (\d+)/.exec(text)?.[1]
  if (status) {
    const error = { message: 'as you wish', type: 'wished', code: 'wish' }
    const whole = protocol === 'an' ? { type: 'error', error } : { error }
    return void response.writeHead(Number(status), { ...json, 'Retry-After': '1' }).end(JSON.stringify(whole))
  }
  const speak = languages[protocol]
  const frames = speak(plan(text, body))
  response.writeHead(200, { 'Content-Type': protocol === 'ol' ? 'application/x-ndjson' : 'text/event-stream' })
  for (const frame of text.includes('be slow') ? frames.slice(0, -frames.after) : frames) response.write(frame)
  if (!text.includes('be slow')) response.end()
}

/** OpenAI's endpoints beside the chat. */
const endpoints = {
  completions: (response, { stream }) => {
    const choice = { index: 0, text: 'Hello there', finish_reason: 'stop' }
    if (!stream) return response.writeHead(200, json).end(JSON.stringify({ object: 'text_completion', choices: [choice] }))
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    const usage = { prompt_tokens: 1, completion_tokens: 2 }
    response.end(data({ choices: [choice] }) + data({ choices: [], usage }) + 'data: [DONE]\n\n')
  },
  'audio/speech': (response) => response.writeHead(200, { 'Content-Type': 'audio/mpeg' }).end('SOUND'),
  'audio/transcriptions': (response) => response.writeHead(200, json).end('{"text":"Hello there"}'),
  'images/generations': (response) => response.writeHead(200, json).end('{"created":1,"data":[{"b64_json":"aGVsbG8="}]}'),
  moderations: (response) => response.writeHead(200, json).end('{"id":"m","model":"x","results":[{"flagged":true}]}'),
}

/** What to do next: call a tool that the request has, or say something. */
function plan(text, body) {
  const wanted = Number(/use the tool (\d) times/.exec(text)?.[1] ?? 0)
  const done = [1, 2, 3].filter((at) => text.includes(`RESULT-${at}`)).length
  const name = /"name":\s*"(weather|exec_command|shell_command|shell|bash|Bash)"/.exec(text)?.[1]
  if (done < wanted && name) {
    const command = `printf 'RES%s' ULT-${done + 1}`
    const input =
      name === 'weather' ? { city: 'Oslo' }
      : name === 'exec_command' ? { cmd: command }
      : name === 'shell' ? { command: ['bash', '-c', command] }
      : { command, description: 'Says a word' }
    return { call: { id: `call_${done + 1}`, name, input } }
  }
  // The tool by which a client asks for an object where it knows no member for its schema.
  if (/"name":\s*"json"/.test(text)) return { call: { id: 'call_1', name: 'json', input: weather } }
  return { words: schemaIn(body) ? [JSON.stringify(weather)] : ['Hello', ' there'] }
}

/** The schema of the answer, where each protocol has it. */
const schemaIn = ({ response_format, text, output_config, generationConfig, format }) =>
  response_format?.json_schema ?? text?.format?.schema ?? output_config?.format ?? generationConfig?.responseJsonSchema
  ?? generationConfig?.responseSchema ?? format

const event = (type, rest) => `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`
const data = (value) => `data: ${JSON.stringify(value)}\n\n`
/** `after` is the number of frames that end the answer. */
const ended = (frames, after) => Object.assign(frames, { after })

const languages = {
  oa({ call, words }) {
    const chunk = (delta, finish_reason = null) => data({ id: 'c', model: 'x', choices: [{ index: 0, delta, finish_reason }] })
    const said = call
      ? [chunk({
          role: 'assistant',
          tool_calls: [{ index: 0, id: call.id, type: 'function', function: { name: call.name, arguments: JSON.stringify(call.input) } }],
        })]
      : words.map((content, at) => chunk(at === 0 ? { role: 'assistant', content } : { content }))
    const usage = { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 }
    return ended([...said, chunk({}, call ? 'tool_calls' : 'stop'), data({ id: 'c', choices: [], usage }), 'data: [DONE]\n\n'], 3)
  },
  re({ call, words }) {
    const text = words?.join('') ?? ''
    const item = call
      ? { type: 'function_call', id: 'fc_1', call_id: call.id, name: call.name, arguments: JSON.stringify(call.input), status: 'completed' }
      : { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text, annotations: [] }] }
    const part = { item_id: item.id, output_index: 0, content_index: 0 }
    const pieces = call
      ? [
          event('response.function_call_arguments.delta', { ...part, delta: item.arguments }),
          event('response.function_call_arguments.done', { ...part, arguments: item.arguments }),
        ]
      : [
          event('response.content_part.added', { ...part, part: { type: 'output_text', text: '', annotations: [] } }),
          ...words.map((delta) => event('response.output_text.delta', { ...part, delta })),
          event('response.output_text.done', { ...part, text }),
        ]
    const usage = { input_tokens: 11, output_tokens: 5, total_tokens: 16 }
    const response = { id: 'resp_1', object: 'response', created_at: 1, model: 'x', status: 'completed', output: [item], usage }
    return ended([
      event('response.created', { response: { ...response, status: 'in_progress', output: [], usage: null } }),
      event('response.output_item.added', {
        output_index: 0, item: { ...item, ...(call ? { arguments: '' } : { content: [] }), status: 'in_progress' },
      }),
      ...pieces,
      event('response.output_item.done', { output_index: 0, item }),
      event('response.completed', { response }),
    ], 3)
  },
  an({ call, words }) {
    const block = call ? { type: 'tool_use', id: call.id.replace('call', 'toolu'), name: call.name, input: {} } : { type: 'text', text: '' }
    const deltas = call
      ? [{ type: 'input_json_delta', partial_json: JSON.stringify(call.input) }]
      : words.map((text) => ({ type: 'text_delta', text }))
    const usage = { input_tokens: 11, output_tokens: 1 }
    return ended([
      event('message_start', {
        message: {
          id: 'msg_1', type: 'message', role: 'assistant', content: [], model: 'x', stop_reason: null, stop_sequence: null, usage,
        },
      }),
      event('content_block_start', { index: 0, content_block: block }),
      ...deltas.map((delta) => event('content_block_delta', { index: 0, delta })),
      event('content_block_stop', { index: 0 }),
      event('message_delta', { delta: { stop_reason: call ? 'tool_use' : 'end_turn', stop_sequence: null }, usage: { output_tokens: 5 } }),
      event('message_stop', {}),
    ], 3)
  },
  ge({ call, words }) {
    const candidate = (parts, finishReason) => data({
      candidates: [{ content: { role: 'model', parts }, ...(finishReason ? { finishReason } : {}) }],
      usageMetadata: { promptTokenCount: 11, candidatesTokenCount: 5, totalTokenCount: 16 },
    })
    const said = call
      ? [candidate([{ functionCall: { name: call.name, args: call.input } }])]
      : words.map((text) => candidate([{ text }]))
    return ended([...said, candidate([{ text: '' }], 'STOP')], 1)
  },
  ol({ call, words }) {
    const line = (message, more = {}) =>
      JSON.stringify({ model: 'x', message: { role: 'assistant', content: '', ...message }, done: false, ...more }) + '\n'
    const said = call
      ? [line({ tool_calls: [{ function: { name: call.name, arguments: call.input } }] })]
      : words.map((content) => line({ content }))
    return ended([...said, line({}, { done: true, done_reason: 'stop', prompt_eval_count: 11, eval_count: 5 })], 1)
  },
}
