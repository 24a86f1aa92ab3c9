import { get, write } from './http'
import type { CatalogModel } from './types'

export const models = async () => (await get<{ items: CatalogModel[] }>('api/catalog/models')).items
export const makeDefault = (connectionId: number, model: string) =>
  write<unknown>('PUT', 'api/catalog/models', { connectionId, model, isDefault: true })
