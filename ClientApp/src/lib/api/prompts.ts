import { get, write } from './http'
import type { Page } from './types'

export interface Prompt {
  id: number
  /** The name typed after the slash. */
  name: string
  title: string
  text: string
  variables: string[]
  shared: boolean
  own: boolean
}

type PromptInput = Pick<Prompt, 'name' | 'title' | 'text' | 'shared'>

export const list = async () => (await get<Page<Prompt>>('api/prompts')).items
export const create = (prompt: PromptInput) => write<Prompt>('POST', 'api/prompts', prompt)
export const replace = (id: number, prompt: PromptInput) => write<Prompt>('PUT', `api/prompts/${id}`, prompt)
export const remove = (id: number) => write('DELETE', `api/prompts/${id}`)
