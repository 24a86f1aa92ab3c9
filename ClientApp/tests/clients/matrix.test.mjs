import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drivers } from './drivers.mjs'
import { open } from './place.mjs'
import { protocols, weather } from './standin.mjs'

/** Every client with a model of every protocol. */
describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('clients and providers', () => {
  let place
  beforeAll(async () => {
    place = await open()
  })
  afterAll(() => place?.close())

  const models = Object.keys(protocols)
  let asks = 0
  /** A question that can be told from all others in what the provider was asked. */
  const question = (words) => `question ${++asks}: ${words}`
  const upstream = (text) => place.asked.filter((one) => one.text.includes(text.split(':')[0] + ':'))
  const closed = (text) =>
    Promise.race([upstream(text)[0].closed.then(() => true), new Promise((done) => setTimeout(() => done(false), 5_000))])

  describe.each(Object.entries(drivers))('%s', (_, driver) => {
    const all = (act) => Promise.all(models.map((model) => act(driver(place), model)))

    it('says what the model says, whole and as a stream', () =>
      all(async (client, model) => {
        expect(await client.text(model, question('Hi'), 0), model).toBe('Hello there')
        expect(await client.stream(model, question('Hi')), model).toBe('Hello there')
      }))

    it('calls a tool and goes on, twice', () =>
      all(async (client, model) => {
        const text = question('use the tool 2 times')
        expect(await client.tools(model, text), model).toBe('Hello there')
        expect(upstream(text).at(-1).text, model).toContain('RESULT-2')
        expect(upstream(text), model).toHaveLength(3)
      }))

    it('leaves, and the provider is left', () =>
      all(async (client, model) => {
        const text = question('be slow')
        await client.abort(model, text)
        expect(await closed(text), model).toBe(true)
      }))

    it('meets one failure as one, and tries again no oftener than it was told', () =>
      all(async (client, model) => {
        const limited = question('fail with 429')
        await expect(client.fail(model, limited, 0), model).rejects.toThrow(/./)
        expect(upstream(limited), model).toHaveLength(1)
        const broken = question('fail with 500')
        await expect(client.fail(model, broken, 1), model).rejects.toThrow(/./)
        expect(upstream(broken), model).toHaveLength(2)
      }))

    it('gets what fits a schema, which reaches the provider', () =>
      all(async (client, model) => {
        expect(await client.json(model, question('The weather?')), model).toEqual(weather)
      }))
  })
})
