import { get, write } from './http'
import type { Page, Prompt } from './types'

export type PromptInput = Pick<Prompt, 'name' | 'title' | 'text' | 'shared'>

export const list = async () => (await get<Page<Prompt>>('api/prompts')).items
export const create = (prompt: PromptInput) => write<Prompt>('POST', 'api/prompts', prompt)
export const replace = (id: number, prompt: PromptInput) => write<Prompt>('PUT', `api/prompts/${id}`, prompt)
export const remove = (id: number) => write('DELETE', `api/prompts/${id}`)
