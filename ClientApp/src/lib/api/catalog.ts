import { get, write } from './http'
import type { ImportLine, ManagedModel, ModelOverride, RefreshedConnection } from './managed-models'
import type { CatalogModel } from './types'

export const models = async () => (await get<{ items: CatalogModel[] }>('api/catalog/models')).items
export const makeDefault = (connectionId: number, model: string) =>
  write<unknown>('PUT', 'api/catalog/models', { connectionId, model, isDefault: true })

/** All models, hidden ones included; administrators only. */
export const allModels = async () => (await get<{ items: ManagedModel[] }>('api/catalog/models', { all: true })).items
export const overrides = async () => (await get<{ items: ModelOverride[] }>('api/catalog/models/overrides')).items
export const refreshModels = async () => (await write<{ items: RefreshedConnection[] }>('POST', 'api/catalog/models/refresh', {})).items
/** Absent members stay unchanged; null inherits from the connection or provider. */
export const override = (change: ModelOverride) => write<ManagedModel | undefined>('PUT', 'api/catalog/models', change)
export const resetModels = (which: { all: true } | { items: { connectionId: number; model: string }[] }) =>
  write<{ deleted: number }>('DELETE', 'api/catalog/models/overrides', which)
/** Puts these models first; the connection's others follow in the provider's order. */
export const orderModels = (connectionId: number, models: readonly string[]) =>
  write('PUT', 'api/catalog/models/order', { connectionId, models })
/** Returns one line for each item without changing anything. */
export const previewImport = async (items: readonly unknown[]) =>
  (await write<{ items: ImportLine[] }>('POST', 'api/catalog/models/overrides/import/preview', { items })).items
export const importOverrides = (items: readonly ModelOverride[]) =>
  write<{ imported: number }>('POST', 'api/catalog/models/overrides/import', { items })
