import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { png, setUp, type Place } from './setup'

const weather = {
  name: 'weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
}

describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('the openai package', () => {
  let place: Place
  let client: OpenAI

  beforeAll(async () => {
    place = await setUp()
    client = new OpenAI({ apiKey: place.key, baseURL: `${place.server.url}/v1`, maxRetries: 0 })
  })
  afterAll(() => place.close())

  it('lists and finds models', async () => {
    const ids: string[] = []
    for await (const model of client.models.list()) ids.push(model.id)
    expect(ids).toEqual(expect.arrayContaining(['gpt', 'claude', 'demo']))
    expect((await client.models.retrieve('claude')).owned_by).toBe('anthropic')
  })

  it.each(['gpt', 'claude'])('completes a chat by %s, whole and as a stream', async (model) => {
    const ask = {
      model,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
    } satisfies OpenAI.ChatCompletionCreateParams
    const whole = await client.chat.completions.create(ask)
    expect(whole.choices[0]?.message.content).toBe('Hello there')
    expect(whole.usage).toMatchObject({ prompt_tokens: 11, completion_tokens: 5 })

    const stream = client.chat.completions.stream({ ...ask, stream_options: { include_usage: true } })
    const last = await stream.finalChatCompletion()
    expect(last.choices[0]?.message.content).toBe('Hello there')
    expect(last.choices[0]?.finish_reason).toBe('stop')
    expect(last.usage?.total_tokens).toBe(16)
  })

  it.each(['gpt', 'claude'])('calls a tool by %s and takes its answer', async (model) => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'use the tool' }]
    const tools: OpenAI.ChatCompletionTool[] = [{ type: 'function', function: weather }]
    const asked = await client.chat.completions.stream({ model, messages, tools, tool_choice: 'auto' }).finalChatCompletion()
    const message = asked.choices[0]?.message
    const call = message?.tool_calls?.[0]
    if (!message || call?.type !== 'function') throw new Error('no call')
    expect(asked.choices[0]?.finish_reason).toBe('tool_calls')
    expect(call.function).toMatchObject({ name: 'weather', arguments: '{"city":"Oslo"}' })

    const answered = await client.chat.completions.create({
      model,
      messages: [...messages, message, { role: 'tool', tool_call_id: call.id, content: '22 degrees' }],
      tools,
    })
    expect(answered.choices[0]?.message.content).toBe('Hello there')
  })

  it('sends an image to a model of another protocol', async () => {
    await client.chat.completions.create({
      model: 'claude',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'See?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
          ],
        },
      ],
    })
    expect(JSON.stringify(place.provider.asked.at(-1)?.body)).toContain(`"media_type":"image/png","data":"${png}"`)
  })

  it('makes embeddings, which this client asks for in base64', async () => {
    const made = await client.embeddings.create({ model: 'gpt', input: 'text' })
    expect(made.data[0]?.embedding).toEqual([0.25, -0.5])
  })

  it.each(['gpt', 'claude'])('makes responses by %s, whole, as a stream, and with a tool', async (model) => {
    const whole = await client.responses.create({ model, input: 'Hi', instructions: 'Be brief.' })
    expect(whole.output_text).toBe('Hello there')
    expect(whole.usage?.total_tokens).toBe(16)

    const streamed = await client.responses.stream({ model, input: [{ role: 'user', content: 'Hi' }] }).finalResponse()
    expect(streamed.status).toBe('completed')
    expect(streamed.output.flatMap((item) => (item.type === 'message' ? item.content : []))).toMatchObject([
      { type: 'output_text', text: 'Hello there' },
    ])

    const tools: OpenAI.Responses.FunctionTool[] = [{ type: 'function', strict: false, ...weather }]
    const asked = await client.responses.stream({ model, input: 'use the tool', tools }).finalResponse()
    const call = asked.output.find((item) => item.type === 'function_call')
    expect(call).toMatchObject({ name: 'weather', arguments: '{"city":"Oslo"}' })
    if (call?.type !== 'function_call') throw new Error('no call')
    const answered = await client.responses.create({
      model,
      tools,
      input: [
        { role: 'user', content: 'use the tool' },
        { type: 'function_call', call_id: call.call_id, name: call.name, arguments: call.arguments },
        { type: 'function_call_output', call_id: call.call_id, output: '22 degrees' },
      ],
    })
    expect(answered.output_text).toBe('Hello there')
  })

  it('meets errors as its own classes', async () => {
    const ask = (content: string, model = 'gpt') => client.chat.completions.create({ model, messages: [{ role: 'user', content }] })
    await expect(ask('Hi', 'nothing')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    await expect(ask('please fail')).rejects.toMatchObject({ status: 400, code: 'provider_bad_request' })
    const stranger = new OpenAI({ apiKey: 'sk-wrong', baseURL: `${place.server.url}/v1`, maxRetries: 0 })
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
  })
})
