// The AI SDK would warn of every model that it does not know by name.
globalThis.AI_SDK_LOG_WARNINGS = false

import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import Anthropic from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod'
import { ChatAnthropic } from '@langchain/anthropic'
import { ToolMessage } from '@langchain/core/messages'
import { tool as langChainTool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import { Agent, OpenAIProvider, Runner, tool as agentTool } from '@openai/agents'
import { generateText, Output, stepCountIs, streamText, tool as aiTool } from 'ai'
import OpenAI from 'openai'
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod'
import { z } from 'zod'

const Weather = z.object({ city: z.string(), degrees: z.number() })
const City = z.object({ city: z.string() })
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }
const description = 'The weather of a city'

/** The tool that all clients offer: its n-th result is RESULT-n. */
const counter = () => {
  let calls = 0
  return ({ city }) => {
    if (city !== 'Oslo') throw new Error(`asked for ${city}`)
    return `RESULT-${++calls}`
  }
}
const collect = async (pieces, pick = (piece) => piece) => {
  let text = ''
  for await (const piece of pieces) text += pick(piece) ?? ''
  return text
}

/**
 * Each client with what people do with it: `text`, `stream` and `tools` return the last words, `json` an object by a schema, `fail`
 * rejects,
 * and `abort` leaves after the first words. `retries` is how often the client is told to try again.
 */
export const drivers = {
  'openai, chat completions': ({ url, key }) => {
    const client = (maxRetries) => new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries })
    const ask = (model, content) => ({ model, messages: [{ role: 'user', content }] })
    const say = async (model, text, retries) => (await client(retries).chat.completions.create(ask(model, text))).choices[0].message.content
    return {
      text: say,
      fail: say,
      stream: async (model, text) => {
        const whole = await client(0).chat.completions.stream(ask(model, text)).finalChatCompletion()
        return whole.choices[0].message.content
      },
      tools: (model, text) => client(0).chat.completions.runTools({
        ...ask(model, text),
        tools: [{ type: 'function', function: { name: 'weather', description, parameters, parse: JSON.parse, function: counter() } }],
      }).finalContent(),
      json: async (model, text) =>
        (await client(0).chat.completions.parse({ ...ask(model, text), response_format: zodResponseFormat(Weather, 'weather') }))
          .choices[0].message.parsed,
      abort: async (model, text) => {
        for await (const _ of await client(0).chat.completions.create({ ...ask(model, text), stream: true })) break
      },
    }
  },
  'openai, responses': ({ url, key }) => {
    const client = (maxRetries) => new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries })
    const say = async (model, input, retries) => (await client(retries).responses.create({ model, input })).output_text
    return {
      text: say,
      fail: say,
      stream: async (model, input) => (await client(0).responses.stream({ model, input }).finalResponse()).output_text,
      tools: async (model, text) => {
        const run = counter()
        const tools = [{ type: 'function', name: 'weather', description, parameters, strict: true }]
        const input = [{ role: 'user', content: text }]
        while (true) {
          const { output, output_text } = await client(0).responses.create({ model, input, tools })
          const calls = output.filter((item) => item.type === 'function_call')
          if (calls.length === 0) return output_text
          input.push(...output)
          for (const call of calls)
            input.push({ type: 'function_call_output', call_id: call.call_id, output: run(JSON.parse(call.arguments)) })
        }
      },
      json: async (model, input) =>
        (await client(0).responses.parse({ model, input, text: { format: zodTextFormat(Weather, 'weather') } })).output_parsed,
      abort: async (model, input) => {
        for await (const part of await client(0).responses.create({ model, input, stream: true })) if (part.type.endsWith('delta')) break
      },
    }
  },
  '@anthropic-ai/sdk': ({ url, key }) => {
    const client = (maxRetries) => new Anthropic({ apiKey: key, baseURL: url, maxRetries })
    const ask = (model, content) => ({ model, max_tokens: 500, messages: [{ role: 'user', content }] })
    const words = (message) => message.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('')
    const say = async (model, text, retries) => words(await client(retries).messages.create(ask(model, text)))
    return {
      text: say,
      fail: say,
      stream: async (model, text) => words(await client(0).messages.stream(ask(model, text)).finalMessage()),
      tools: async (model, text) =>
        words(await client(0).beta.messages.toolRunner({
          ...ask(model, text),
          tools: [betaTool({ name: 'weather', description, inputSchema: parameters, run: counter() })],
        })),
      json: async (model, text) =>
        (await client(0).messages.parse({ ...ask(model, text), output_config: { format: zodOutputFormat(Weather) } })).parsed_output,
      abort: async (model, text) => {
        for await (const part of client(0).messages.stream(ask(model, text))) if (part.type === 'content_block_delta') break
      },
    }
  },
  'ai with @ai-sdk/openai': ({ url, key }) => vercel(createOpenAI({ baseURL: `${url}/v1`, apiKey: key })),
  'ai with @ai-sdk/openai-compatible': ({ url, key }) =>
    vercel(createOpenAICompatible({ name: 'aichat', baseURL: `${url}/v1`, apiKey: key, supportsStructuredOutputs: true })),
  // For a model whose name it does not know, its schema is a tool that must be called.
  'ai with @ai-sdk/anthropic': ({ url, key }) => vercel(createAnthropic({ baseURL: `${url}/v1`, apiKey: key })),
  '@langchain/openai': ({ url, key }) =>
    langChain((model, maxRetries) => new ChatOpenAI({ model, apiKey: key, configuration: { baseURL: `${url}/v1` }, maxRetries })),
  '@langchain/anthropic': ({ url, key }) =>
    langChain((model, maxRetries) => new ChatAnthropic({ model, apiKey: key, anthropicApiUrl: url, maxTokens: 500, maxRetries })),
  '@openai/agents': ({ url, key }) => {
    const runner = (maxRetries) => new Runner({
      modelProvider: new OpenAIProvider({
        openAIClient: new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries }),
        useResponses: true,
      }),
      tracingDisabled: true,
    })
    const agent = (model, more = {}) => new Agent({ name: 'Helper', instructions: 'Be brief.', model, ...more })
    const say = async (model, text, retries) => (await runner(retries).run(agent(model), text)).finalOutput
    return {
      text: say,
      fail: say,
      stream: async (model, text) => collect((await runner(0).run(agent(model), text, { stream: true })).toTextStream()),
      tools: async (model, text) => {
        const weather = agentTool({ name: 'weather', description, parameters: City, execute: counter() })
        return (await runner(0).run(agent(model, { tools: [weather] }), text)).finalOutput
      },
      json: async (model, text) => (await runner(0).run(agent(model, { outputType: Weather }), text)).finalOutput,
      abort: async (model, text) => {
        const stop = new AbortController()
        const run = await runner(0).run(agent(model), text, { stream: true, signal: stop.signal })
        for await (const _ of run.toTextStream()) break
        stop.abort()
      },
    }
  },
}

function vercel(provider) {
  const say = async (model, prompt, maxRetries) =>
    (await generateText({ model: provider(model), prompt, maxRetries, maxOutputTokens: 500 })).text
  return {
    text: say,
    fail: say,
    stream: (model, prompt) => collect(streamText({ model: provider(model), prompt, maxRetries: 0 }).textStream),
    tools: async (model, prompt) => {
      const weather = aiTool({ description, inputSchema: City, execute: counter() })
      return (await generateText({ model: provider(model), prompt, tools: { weather }, stopWhen: stepCountIs(5), maxRetries: 0 })).text
    },
    json: async (model, prompt) =>
      (await generateText({ model: provider(model), prompt, output: Output.object({ schema: Weather }), maxRetries: 0 })).output,
    abort: async (model, prompt) => {
      const stop = new AbortController()
      const { textStream } = streamText({
        model: provider(model), prompt, maxRetries: 0, abortSignal: stop.signal, onError: () => undefined,
      })
      for await (const _ of textStream) break
      stop.abort()
    },
  }
}

function langChain(make) {
  const say = async (model, text, retries) => (await make(model, retries).invoke(text)).text
  return {
    text: say,
    fail: say,
    stream: async (model, text) => collect(await make(model, 0).stream(text), (piece) => piece.text),
    tools: async (model, text) => {
      const run = counter()
      const weather = langChainTool(run, { name: 'weather', description, schema: City })
      const chat = make(model, 0).bindTools([weather])
      const messages = [{ role: 'user', content: text }]
      while (true) {
        const answer = await chat.invoke(messages)
        if (answer.tool_calls.length === 0) return answer.text
        messages.push(answer)
        for (const call of answer.tool_calls) messages.push(new ToolMessage({ content: run(call.args), tool_call_id: call.id }))
      }
    },
    json: (model, text) => make(model, 0).withStructuredOutput(Weather, { name: 'weather', method: 'jsonSchema' }).invoke(text),
    abort: async (model, text) => {
      for await (const _ of await make(model, 0).stream(text)) break
    },
  }
}
