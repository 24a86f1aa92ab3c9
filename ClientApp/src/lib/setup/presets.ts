import type { ConnectionInput } from '../api/connections'
import type { AuthType, Provider } from '../api/types'

type PresetId =
  | 'openai' | 'anthropic' | 'google' | 'xai' | 'mistral' | 'groq' | 'openrouter' | 'azure'
  | 'deepseek' | 'qwen' | 'glm' | 'kimi' | 'siliconflow' | 'volcengine' | 'minimax' | 'ollama' | 'custom'

interface Address {
  provider: Provider
  baseUrl: string
  authType: AuthType
  azureApiVersion?: string
}

export interface Preset {
  id: PresetId
  /** The address of the vendor's own protocol. */
  native: Address
  /** The vendor's OpenAI-compatible address, for a server that does not speak the native protocol. */
  compatible?: Address
  /** The vendor's address outside mainland China, which has separate accounts and keys. */
  abroad?: string
  editableUrl: boolean
  local: boolean
}

const openai = (baseUrl: string, authType: AuthType = 'bearer'): Address => ({ provider: 'openai', baseUrl, authType })
const vendor = (id: PresetId, baseUrl: string, abroad?: string): Preset => ({
  id,
  native: openai(baseUrl),
  ...(abroad ? { abroad } : {}),
  editableUrl: false,
  local: false,
})

export const presets: readonly Preset[] = [
  vendor('openai', 'https://api.openai.com/v1'),
  {
    id: 'anthropic',
    native: { provider: 'anthropic', baseUrl: 'https://api.anthropic.com', authType: 'api_key' },
    compatible: openai('https://api.anthropic.com/v1'),
    editableUrl: false,
    local: false,
  },
  {
    id: 'google',
    native: { provider: 'google_genai', baseUrl: 'https://generativelanguage.googleapis.com', authType: 'api_key' },
    compatible: openai('https://generativelanguage.googleapis.com/v1beta/openai'),
    editableUrl: false,
    local: false,
  },
  vendor('xai', 'https://api.x.ai/v1'),
  vendor('mistral', 'https://api.mistral.ai/v1'),
  vendor('groq', 'https://api.groq.com/openai/v1'),
  vendor('openrouter', 'https://openrouter.ai/api/v1'),
  {
    id: 'azure',
    native: { provider: 'azure_openai', baseUrl: 'https://YOUR-RESOURCE.openai.azure.com', authType: 'api_key' },
    compatible: openai('https://YOUR-RESOURCE.openai.azure.com/openai/v1'),
    editableUrl: true,
    local: false,
  },
  vendor('deepseek', 'https://api.deepseek.com/v1'),
  vendor('qwen', 'https://dashscope.aliyuncs.com/compatible-mode/v1', 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1'),
  vendor('glm', 'https://open.bigmodel.cn/api/paas/v4', 'https://api.z.ai/api/paas/v4'),
  vendor('kimi', 'https://api.moonshot.cn/v1', 'https://api.moonshot.ai/v1'),
  vendor('siliconflow', 'https://api.siliconflow.cn/v1', 'https://api.siliconflow.com/v1'),
  vendor('volcengine', 'https://ark.cn-beijing.volces.com/api/v3'),
  vendor('minimax', 'https://api.minimaxi.com/v1', 'https://api.minimax.io/v1'),
  {
    id: 'ollama',
    native: { provider: 'ollama', baseUrl: 'http://127.0.0.1:11434', authType: 'none' },
    compatible: openai('http://127.0.0.1:11434/v1', 'none'),
    editableUrl: true,
    local: true,
  },
  { id: 'custom', native: openai(''), editableUrl: true, local: false },
]

/** Vendors of mainland China. */
export const chinese: ReadonlySet<PresetId> = new Set(['deepseek', 'qwen', 'glm', 'kimi', 'siliconflow', 'volcengine', 'minimax'])

/** The preset's address in a protocol this server speaks; null when there is none. */
export function addressOf(preset: Preset, spoken: readonly string[]): Address | null {
  if (spoken.includes(preset.native.provider)) return preset.native
  return preset.compatible && spoken.includes(preset.compatible.provider) ? preset.compatible : null
}

const privateName = /^(.*\.)?(localhost|local|lan|internal|home\.arpa)$/i
const privateNumber = /^(127|10|192\.168|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\.[\d.]+$|^\[(::1\]|f[cd])/i

/** Whether an address looks like this machine or the network around it. */
export function looksLocal(baseUrl: string): boolean {
  try {
    const { hostname } = new URL(baseUrl)
    return (
      privateName.test(hostname) || privateNumber.test(hostname) || (hostname !== '' && !hostname.includes('.') && !hostname.includes(':'))
    )
  } catch {
    return false
  }
}

/** The host with its port; nothing for what is no address. */
export function hostOf(address: string): string {
  try {
    return new URL(address).host
  } catch {
    return ''
  }
}

/**
 * Completes an address as people type and paste it: full-width characters, a missing scheme, the path of a single call. The server reports
 * any remaining error.
 */
export function wholeAddress(typed: string): string {
  const ascii = typed.trim().replaceAll('：', ':').replaceAll('／', '/').replaceAll('。', '.')
  if (ascii === '') return ''
  const bare = /^[a-z][a-z0-9+.-]*:\/\//i.test(ascii)
    ? ascii
    : `${looksLocal(`http://${ascii.replace(/^\/+/, '')}`) ? 'http' : 'https'}://${ascii.replace(/^\/+/, '')}`
  return bare.replace(/\/+$/, '').replace(/\/(chat\/completions|completions|responses|models)$/, '')
}

export function toInput(name: string, address: Address, baseUrl: string, key: string, local: boolean): ConnectionInput {
  return {
    name,
    provider: address.provider,
    baseUrl: baseUrl.trim(),
    // A custom server may need no key.
    authType: key.trim() === '' ? 'none' : address.authType === 'none' ? 'bearer' : address.authType,
    ...(key.trim() === '' ? {} : { key: key.trim() }),
    ...(address.azureApiVersion ? { azureApiVersion: address.azureApiVersion } : {}),
    local,
    enabled: true,
  }
}

/** The wanted name, with a number where it is taken: two connections of one name could not be told apart in lists. */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let number = 2
  while (taken.has(`${wanted} ${number}`)) number++
  return taken.has(wanted) ? `${wanted} ${number}` : wanted
}
