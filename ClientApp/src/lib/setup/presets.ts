import type { ConnectionInput } from '../api/connections'
import type { AuthType, Provider } from '../api/types'

export type PresetId = 'openai' | 'anthropic' | 'google' | 'azure' | 'ollama' | 'deepseek' | 'openrouter' | 'custom'

interface Address {
  provider: Provider
  baseUrl: string
  authType: AuthType
  azureApiVersion?: string
}

export interface Preset {
  id: PresetId
  /** The vendor's own protocol. */
  native: Address
  /** The vendor's OpenAI-compatible door, for a server that does not speak the native one. */
  compatible?: Address
  editableUrl: boolean
  local: boolean
}

const openai = (baseUrl: string, authType: AuthType = 'bearer'): Address => ({ provider: 'openai', baseUrl, authType })

export const presets: readonly Preset[] = [
  { id: 'openai', native: openai('https://api.openai.com/v1'), editableUrl: false, local: false },
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
  {
    id: 'azure',
    native: { provider: 'azure_openai', baseUrl: 'https://YOUR-RESOURCE.openai.azure.com', authType: 'api_key' },
    compatible: openai('https://YOUR-RESOURCE.openai.azure.com/openai/v1'),
    editableUrl: true,
    local: false,
  },
  {
    id: 'ollama',
    native: { provider: 'ollama', baseUrl: 'http://127.0.0.1:11434', authType: 'none' },
    compatible: openai('http://127.0.0.1:11434/v1', 'none'),
    editableUrl: true,
    local: true,
  },
  { id: 'deepseek', native: openai('https://api.deepseek.com/v1'), editableUrl: false, local: false },
  { id: 'openrouter', native: openai('https://openrouter.ai/api/v1'), editableUrl: false, local: false },
  { id: 'custom', native: openai(''), editableUrl: true, local: false },
]

/** The preset's address in a protocol this server speaks; null when there is none. */
export function addressOf(preset: Preset, spoken: readonly string[]): Address | null {
  if (spoken.includes(preset.native.provider)) return preset.native
  return preset.compatible && spoken.includes(preset.compatible.provider) ? preset.compatible : null
}

const privateHost = /^(localhost|.*\.local|.*\.lan|.*\.internal|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|\[?(::1|f[cd]))/i

/** Whether an address looks like this machine or the network around it. */
export function looksLocal(baseUrl: string): boolean {
  try {
    const { hostname } = new URL(baseUrl)
    return privateHost.test(hostname) || (hostname !== '' && !hostname.includes('.') && !hostname.includes(':'))
  } catch {
    return false
  }
}

export function toInput(name: string, address: Address, baseUrl: string, key: string, local: boolean): ConnectionInput {
  return {
    name,
    provider: address.provider,
    baseUrl: baseUrl.trim(),
    // A custom server without a key is asked without one.
    authType: key.trim() === '' ? 'none' : address.authType === 'none' ? 'bearer' : address.authType,
    ...(key.trim() === '' ? {} : { key: key.trim() }),
    ...(address.azureApiVersion ? { azureApiVersion: address.azureApiVersion } : {}),
    local,
    enabled: true,
  }
}
