export type ClientId =
  | 'codex' | 'claude' | 'opencode' | 'cherry' | 'openai-py' | 'openai-js' | 'anthropic-py' | 'anthropic-js' | 'ai-sdk' | 'curl'

interface ClientPart {
  /** Where the lines belong: a file path, or the key of a text. */
  place: `~/${string}` | 'apikey.in.shell' | 'apikey.in.cherry' | 'apikey.in.program'
  lines: string
}

export interface ClientSetup {
  id: ClientId
  /** The program's own name. */
  name: string
  parts: ClientPart[]
}

/** The addresses for programs: OpenAI's clients expect the version in the address, Anthropic's add it themselves. */
export const addresses = (root: string) => ({ openai: `${root}/v1`, anthropic: root })

const shell = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

/** The configuration of each program, ready to copy. `root` is the page's address without a trailing slash. */
export function clientSetups(root: string, key: string, model: string, brand: string): ClientSetup[] {
  const { openai, anthropic } = addresses(root)
  const text = (value: string) => JSON.stringify(value)
  // Configuration files get copied and committed, so the key is not written into them.
  const variable: ClientPart = { place: 'apikey.in.shell', lines: `export AICHAT_KEY=${shell(key)}` }
  // The vendors' libraries read these by themselves.
  const openAiVariables: ClientPart = {
    place: 'apikey.in.shell',
    lines: [`export OPENAI_BASE_URL=${shell(openai)}`, `export OPENAI_API_KEY=${shell(key)}`].join('\n'),
  }
  const anthropicVariables: ClientPart = {
    place: 'apikey.in.shell',
    lines: [`export ANTHROPIC_BASE_URL=${shell(anthropic)}`, `export ANTHROPIC_API_KEY=${shell(key)}`].join('\n'),
  }
  const program = (...lines: string[]): ClientPart => ({ place: 'apikey.in.program', lines: lines.join('\n') })
  const provider = {
    npm: '@ai-sdk/openai-compatible',
    name: brand,
    options: { baseURL: openai, apiKey: '{env:AICHAT_KEY}' },
    models: { [model]: {} },
  }
  return [
    {
      id: 'codex',
      name: 'codex',
      parts: [variable, {
        place: '~/.codex/config.toml',
        lines: [
          `model = ${text(model)}`,
          'model_provider = "aichat"',
          '',
          '[model_providers.aichat]',
          `name = ${text(brand)}`,
          `base_url = ${text(openai)}`,
          'env_key = "AICHAT_KEY"',
          'wire_api = "responses"',
        ].join('\n'),
      }],
    },
    {
      id: 'claude',
      name: 'Claude Code',
      parts: [{
        place: 'apikey.in.shell',
        lines: [
          `export ANTHROPIC_BASE_URL=${shell(anthropic)}`,
          `export ANTHROPIC_AUTH_TOKEN=${shell(key)}`,
          `export ANTHROPIC_MODEL=${shell(model)}`,
          `export ANTHROPIC_DEFAULT_HAIKU_MODEL=${shell(model)}`,
          'claude',
        ].join('\n'),
      }],
    },
    {
      id: 'opencode',
      name: 'opencode',
      parts: [
        variable,
        {
          place: '~/.config/opencode/opencode.json',
          lines: JSON.stringify(
            { $schema: 'https://opencode.ai/config.json', provider: { aichat: provider }, model: `aichat/${model}` },
            null,
            2,
          ),
        },
      ],
    },
    // The program appends /v1 to the host.
    {
      id: 'cherry',
      name: 'Cherry Studio',
      parts: [{ place: 'apikey.in.cherry', lines: [`API Host: ${anthropic}`, `API Key: ${key}`, `Model: ${model}`].join('\n') }],
    },
    {
      id: 'openai-py',
      name: 'OpenAI SDK (Python)',
      parts: [openAiVariables, program(
        'from openai import OpenAI',
        '',
        'client = OpenAI()',
        `response = client.responses.create(model=${text(model)}, input="Hello")`,
        'print(response.output_text)',
      )],
    },
    {
      id: 'openai-js',
      name: 'OpenAI SDK (JavaScript)',
      parts: [openAiVariables, program(
        "import OpenAI from 'openai'",
        '',
        'const client = new OpenAI()',
        `const response = await client.responses.create({ model: ${text(model)}, input: 'Hello' })`,
        'console.log(response.output_text)',
      )],
    },
    {
      id: 'anthropic-py',
      name: 'Anthropic SDK (Python)',
      parts: [anthropicVariables, program(
        'from anthropic import Anthropic',
        '',
        'client = Anthropic()',
        'message = client.messages.create(',
        `    model=${text(model)}, max_tokens=1000, messages=[{"role": "user", "content": "Hello"}]`,
        ')',
        'print(message.content)',
      )],
    },
    {
      id: 'anthropic-js',
      name: 'Anthropic SDK (JavaScript)',
      parts: [anthropicVariables, program(
        "import Anthropic from '@anthropic-ai/sdk'",
        '',
        'const client = new Anthropic()',
        'const message = await client.messages.create({',
        `  model: ${text(model)}, max_tokens: 1000, messages: [{ role: 'user', content: 'Hello' }],`,
        '})',
        'console.log(message.content)',
      )],
    },
    {
      id: 'ai-sdk',
      name: 'Vercel AI SDK',
      parts: [openAiVariables, program(
        "import { createOpenAICompatible } from '@ai-sdk/openai-compatible'",
        "import { generateText } from 'ai'",
        '',
        'const provider = createOpenAICompatible({',
        `  name: ${text(brand)}, baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY,`,
        '})',
        `const { text } = await generateText({ model: provider(${text(model)}), prompt: 'Hello' })`,
        'console.log(text)',
      )],
    },
    {
      id: 'curl',
      name: 'curl',
      parts: [{
        place: 'apikey.in.shell',
        lines: [
          `curl ${shell(`${openai}/chat/completions`)} \\`,
          `  -H ${shell(`Authorization: Bearer ${key}`)} \\`,
          "  -H 'Content-Type: application/json' \\",
          `  -d ${shell(JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }))}`,
        ].join('\n'),
      }],
    },
  ]
}
