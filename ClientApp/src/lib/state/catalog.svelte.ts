import * as api from '../api/catalog'
import type { CatalogModel, Session } from '../api/types'
import { storage } from '../browser/storage'

const key = 'aichat.model'

export interface ModelGroup {
  connectionId: number
  name: string
  demo: boolean
  models: CatalogModel[]
}

/** The models a person may use, and the default for new chats. */
export class Catalog {
  #models = $state.raw<CatalogModel[]>([])
  #loaded = $state(false)
  #preferred = $state(storage.read(key))

  get models() {
    return this.#models
  }
  get loaded() {
    return this.#loaded
  }

  readonly onlyDemo = $derived(this.#models.length > 0 && this.#models.every((model) => model.provider === 'demo'))

  /** The model of a chat without its own: the person's choice, else the administrator's default, else any that is not the demo. */
  readonly preferred = $derived(
    this.#models.find((model) => model.id === this.#preferred)
      ?? this.#models.find((model) => model.isDefault)
      ?? this.#models.find((model) => model.provider !== 'demo')
      ?? this.#models[0]
      ?? null,
  )

  readonly groups = $derived.by(() => {
    const groups = new Map<number, ModelGroup>()
    for (const model of this.#models) {
      const group = groups.get(model.connectionId) ?? {
        connectionId: model.connectionId,
        name: model.connectionName,
        demo: model.provider === 'demo',
        models: [],
      }
      group.models.push(model)
      groups.set(model.connectionId, group)
    }
    return [...groups.values()].sort((a, b) => Number(a.demo) - Number(b.demo))
  })

  async load(): Promise<void> {
    this.#models = await api.models()
    this.#loaded = true
  }

  /** Sets the default for new chats. An id that no longer exists counts as none. */
  preferId(id: string): void {
    this.#preferred = id
    storage.write(key, id)
  }

  of(session: Pick<Session, 'connectionId' | 'model'>): CatalogModel | null {
    if (!session.model) return this.preferred
    return this.#models.find((model) => model.connectionId === session.connectionId && model.model === session.model) ?? null
  }

  /** The model that sees images to use in place of this one: the person's own choice, else one of the same connection, else any. */
  seeing(model: CatalogModel): CatalogModel | null {
    const seeing = this.#models.filter((one) => one.capabilities?.vision)
    return (
      seeing.find((one) => one.id === this.#preferred) ?? seeing.find((one) => one.connectionId === model.connectionId) ?? seeing[0] ?? null
    )
  }

  /** Finds a model by connection and id, because two providers may have a model of the same id. */
  nameOf(modelId: string, connectionId?: number | null): string {
    const called = this.#models.filter((model) => model.id === modelId || model.model === modelId)
    return (called.find((model) => model.connectionId === connectionId) ?? called[0])?.name ?? modelId
  }
}
