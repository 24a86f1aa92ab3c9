import { createOpenAI } from '@ai-sdk/openai'
import { experimental_generateSpeech, experimental_transcribe, generateImage } from 'ai'
import OpenAI, { toFile } from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { open } from './place.mjs'

/** What is not a chat, by OpenAI's own library and by the AI SDK. */
describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('the endpoints beside the chat', () => {
  let place, client, provider
  const model = 'openai'
  const sound = Buffer.from('RIFF-a-recording')
  beforeAll(async () => {
    place = await open()
    client = new OpenAI({ apiKey: place.key, baseURL: `${place.url}/v1`, maxRetries: 0 })
    provider = createOpenAI({ apiKey: place.key, baseURL: `${place.url}/v1` })
  })
  afterAll(() => place?.close())

  it('completes a text, whole and as a stream', async () => {
    expect((await client.completions.create({ model, prompt: 'Hi' })).choices[0].text).toBe('Hello there')
    let text = ''
    for await (const chunk of await client.completions.create({ model, prompt: 'Hi', stream: true })) text += chunk.choices[0].text
    expect(text).toBe('Hello there')
  })

  it('speaks and listens', async () => {
    const spoken = await client.audio.speech.create({ model, voice: 'alloy', input: 'Hi' })
    expect(Buffer.from(await spoken.arrayBuffer()).toString()).toBe('SOUND')
    const heard = await client.audio.transcriptions.create({ model, file: await toFile(sound, 'a.wav') })
    expect(heard.text).toBe('Hello there')
    expect(place.asked.at(-1).text).toContain('RIFF-a-recording')

    const { audio } = await experimental_generateSpeech({ model: provider.speech(model), text: 'Hi' })
    expect(Buffer.from(audio.uint8Array).toString()).toBe('SOUND')
    expect((await experimental_transcribe({ model: provider.transcription(model), audio: sound })).text).toBe('Hello there')
  })

  it('draws and judges', async () => {
    expect((await client.images.generate({ model, prompt: 'a fox' })).data[0].b64_json).toBe('aGVsbG8=')
    expect((await generateImage({ model: provider.image(model), prompt: 'a fox' })).image.base64).toBe('aGVsbG8=')
    expect((await client.moderations.create({ model, input: 'bad words' })).results[0].flagged).toBe(true)
  })

  it('says which protocol has none of it', async () => {
    await expect(client.audio.speech.create({ model: 'anthropic', voice: 'alloy', input: 'Hi' })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('/v1/audio/speech'),
    })
  })
})
