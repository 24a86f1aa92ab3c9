import type { Capability, CatalogModel, ModelPrice } from './types'

/** A model as administrators see it. */
export interface ManagedModel extends CatalogModel {
  capabilitySource: string
  hidden?: boolean | null
  overridden?: boolean | null
  allowedUsers?: number[] | null
}

/** What an administrator says about a model; what is absent or null comes from the connection or the provider. */
export interface ModelOverride {
  connectionId: number
  connectionName?: string
  model: string
  name?: string | null
  hidden?: boolean | null
  tags?: string[] | null
  capabilities?: Partial<Record<Capability, boolean | null>> | null
  contextLimit?: number | null
  maxOutputTokens?: number | null
  price?: ModelPrice | null
  allowedUsers?: number[] | null
  position?: number | null
  isDefault?: boolean
}

/** What an import would do with one of its items. */
export interface ImportLine {
  model: string
  connectionName?: string | null
  outcome: 'added' | 'changed' | 'same' | 'unknown' | 'invalid'
  /** What would be different, or what is wrong. */
  fields: string[]
  /** The connection offers this model now. */
  listed: boolean
}

export interface RefreshedConnection {
  connectionId: number
  ok: boolean
  code?: string | null
  modelCount: number
}
