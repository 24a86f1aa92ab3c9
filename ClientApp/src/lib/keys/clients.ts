export type ClientId = 'codex' | 'claude' | 'opencode' | 'cherry' | 'curl'

interface ClientPart {
  /** Where the lines belong: a file path, or the key of a text. */
  place: `~/${string}` | 'apikey.in.shell' | 'apikey.in.cherry'
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
