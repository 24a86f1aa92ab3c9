import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { png, setUp, type Place } from './setup'

describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('the @anthropic-ai/sdk package', () => {
  let place: Place
  let client: Anthropic

  beforeAll(async () => {
    place = await setUp()
    client = new Anthropic({ apiKey: place.key, baseURL: place.server.url, maxRetries: 0 })
  })
  afterAll(() => place.close())

  const text = (message: Anthropic.Message) => message.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('')

  it('lists models', async () => {
    const names: string[] = []
    for await (const model of client.models.list()) names.push(model.display_name)
    expect(names).toEqual(expect.arrayContaining(['gpt', 'claude']))
  })

  it.each(['claude', 'gpt'])('makes a message by %s, whole and as a stream', async (model) => {
    const ask = { model, max_tokens: 100, system: 'Be brief.', messages: [{ role: 'user' as const, content: 'Hi' }] }
    const whole = await client.messages.create(ask)
    expect(text(whole)).toBe('Hello there')
    expect(whole.stop_reason).toBe('end_turn')
    expect(whole.usage.output_tokens).toBe(5)

    const streamed = await client.messages.stream(ask).finalMessage()
    expect(text(streamed)).toBe('Hello there')
    expect(streamed.stop_reason).toBe('end_turn')
    expect(streamed.usage.output_tokens).toBe(5)
  })

  it.each(['claude', 'gpt'])('calls a tool by %s and takes its answer', async (model) => {
    const tools: Anthropic.Tool[] = [
      { name: 'weather', description: 'The weather of a city', input_schema: { type: 'object', properties: { city: { type: 'string' } } } },
    ]
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'use the tool' }]
    const asked = await client.messages.stream({ model, max_tokens: 100, tools, messages, tool_choice: { type: 'any' } }).finalMessage()
    const call = asked.content.find((block) => block.type === 'tool_use')
    expect(asked.stop_reason).toBe('tool_use')
    expect(call).toMatchObject({ name: 'weather', input: { city: 'Oslo' } })
    if (call?.type !== 'tool_use') throw new Error('no call')

    messages.push(
      { role: 'assistant', content: asked.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: '22 degrees' }] },
    )
    expect(text(await client.messages.create({ model, max_tokens: 100, tools, messages }))).toBe('Hello there')
  })

  it('sends an image to a model of another protocol', async () => {
    const image: Anthropic.ImageBlockParam = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }
    await client.messages.create({
      model: 'gpt',
      max_tokens: 10,
      messages: [{ role: 'user', content: [image, { type: 'text', text: 'See?' }] }],
    })
    expect(JSON.stringify(place.provider.asked.at(-1)?.body)).toContain(`data:image/png;base64,${png}`)
  })

  it('passes on what only the vendor knows, cache marks included', async () => {
    const system: Anthropic.TextBlockParam[] = [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }]
    await client.messages.create({
      model: 'claude',
      max_tokens: 10,
      system,
      metadata: { user_id: 'u1' },
      messages: [{ role: 'user', content: 'Hi' }],
    })
    expect(place.provider.asked.at(-1)?.body).toMatchObject({ system, metadata: { user_id: 'u1' }, max_tokens: 10 })
  })

  it('meets errors as its own classes', async () => {
    const ask = (content: string, model = 'claude') =>
      client.messages.create({ model, max_tokens: 10, messages: [{ role: 'user', content }] })
    await expect(ask('Hi', 'nothing')).rejects.toBeInstanceOf(Anthropic.NotFoundError)
    await expect(ask('please fail')).rejects.toBeInstanceOf(Anthropic.BadRequestError)
    const stranger = new Anthropic({ apiKey: 'sk-wrong', baseURL: place.server.url, maxRetries: 0 })
    await expect(
      stranger.messages.create({ model: 'claude', max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }] }),
    ).rejects.toBeInstanceOf(Anthropic.AuthenticationError)
  })
})
