import type { Capability, CatalogModel, ModelPrice } from './types'

/** A model as administrators see it. */
export interface ManagedModel extends CatalogModel {
  capabilitySource: string
  hidden?: boolean | null
  overridden?: boolean | null
  allowedUsers?: number[] | null
}

/** An administrator's override of a model. Absent or null members are inherited from the connection or provider. */
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

/** What an import would do with one item. */
export interface ImportLine {
  model: string
  connectionName?: string | null
  outcome: 'added' | 'changed' | 'same' | 'unknown' | 'invalid'
  /** The fields that would change, or the invalid ones. */
  fields: string[]
  /** Whether the connection currently offers this model. */
  listed: boolean
}

export interface RefreshedConnection {
  connectionId: number
  ok: boolean
  code?: string | null
  modelCount: number
}
