import type { VerifyReport } from './connections'
import { get, ownPage, send, write } from './http'

/** The wire shows only whether a secret is set. */
export type SettingValue = string | number | boolean | null | readonly string[] | { set: boolean }
export type SystemSettings = Record<string, SettingValue>

export const system = () => get<SystemSettings>('api/settings/system')
export const saveSystem = (patch: SystemSettings) => write<SystemSettings>('PATCH', 'api/settings/system', patch)

/** A variable of the environment, as far as the page needs it: which setting it gives the default of, and where it was set. */
export interface Variable {
  key?: string
  given?: string
  file?: string
  source: 'saved' | 'environment' | 'file' | 'default'
  /** It is set, and another value that was saved here holds. */
  overridden: boolean
}
export const variables = () => get<{ items: Variable[] }>('api/settings/variables')

export interface SearchTestResult {
  ok: boolean
  code?: string | null
  detail?: string | null
  results: { title: string; url: string }[]
  report?: VerifyReport | null
}
/** Runs a search with the stored settings. */
export const testSearch = (query: string) => write<SearchTestResult>('POST', 'api/settings/web-search/test', query === '' ? {} : { query })

export interface ImageLinks {
  baseUrl: string
  source: 'setting' | 'request'
  sampleUrl: string | null
  count: number
}
/** The address that image links currently start with. */
export const imageLinks = () => write<ImageLinks>('POST', 'api/settings/images/refresh')

/** The logo of the installation. */
export async function saveLogo(image: Blob): Promise<void> {
  await send('PUT', 'api/settings/logo', { headers: { ...ownPage, 'Content-Type': image.type }, body: image })
}
export const removeLogo = () => write('DELETE', 'api/settings/logo')

/** The picture beside every answer. */
export async function saveAssistantAvatar(image: Blob): Promise<void> {
  await send('PUT', 'api/settings/assistant-avatar', { headers: { ...ownPage, 'Content-Type': image.type }, body: image })
}
export const removeAssistantAvatar = () => write('DELETE', 'api/settings/assistant-avatar')
