import type { AnswerOptions, MessageImage } from '../api/types'
import { storage } from '../browser/storage'

/** A message as a person composes it. */
export interface Saying {
  content: string
  images?: MessageImage[]
  options?: AnswerOptions
}

/** A message being sent, stored until the server confirms that it is durable. */
export interface Outgoing extends Saying {
  clientMessageId: string
  /** Set when it replaces an earlier message: the parent of that one. */
  parentId?: number | null
  /** Why the server refused it. */
  refused?: Refusal
}

/** The stored part of a refusal, for showing it after a reload. */
export interface Refusal {
  status: number
  code: string
  againAt: number | null
}

type Slot = number | 'new'

/**
 * Texts that the server has not stored yet, per account and chat.
 * Written at every change, so that neither a crash nor a reload loses any.
 */
export class Drafts {
  #owner = 'guest'

  belongTo(userId: number | null): void {
    this.#owner = userId === null ? 'guest' : String(userId)
  }

  read(slot: Slot): string {
    return storage.read(this.#key('draft', slot)) ?? ''
  }

  write(slot: Slot, text: string): void {
    storage.write(this.#key('draft', slot), text === '' ? null : text)
  }

  get owner(): string {
    return this.#owner
  }

  /** The complete text of a draft, including pasted blocks. */
  whole(slot: Slot): string {
    return [this.read(slot), ...this.blocks(slot)].filter((part) => part !== '').join('\n\n')
  }

  /** Hash of the last text that browser and server had in common; null when there was none. */
  synced(slot: Slot): string | null {
    return storage.read(this.#key('synced', slot))
  }

  setSynced(slot: Slot, text: string): void {
    storage.write(this.#key('synced', slot), markOf(text))
    this.setLeft(slot, '')
  }

  /** Stores the hash of the text that was sent while the page closed and has probably arrived. */
  setLeft(slot: Slot, text: string): void {
    storage.write(this.#key('left', slot), markOf(text))
  }

  isLeft(slot: Slot, text: string): boolean {
    return storage.read(this.#key('left', slot)) === markOf(text)
  }

  isSynced(slot: Slot, text: string): boolean {
    return this.synced(slot) === markOf(text)
  }

  outgoing(slot: number): Outgoing | null {
    const value = this.#json('outgoing', slot)
    if (!isOutgoing(value)) return null
    const { refused, ...outgoing } = value
    return isRefusal(refused) ? value : outgoing
  }

  /** Messages queued behind a running answer. */
  queue(slot: number): Saying[] {
    const value = this.#json('queue', slot)
    return Array.isArray(value) ? value.filter(isSaying) : []
  }

  setQueue(slot: number, queue: readonly Saying[]): void {
    storage.write(this.#key('queue', slot), queue.length > 0 ? JSON.stringify(queue) : null)
  }

  setOutgoing(slot: number, outgoing: Outgoing | null): void {
    storage.write(this.#key('outgoing', slot), outgoing ? JSON.stringify(outgoing) : null)
  }

  /** Options for the answers of this chat. */
  options(slot: Slot): AnswerOptions {
    const value = this.#json('options', slot)
    return typeof value === 'object' && value !== null ? value : {}
  }

  setOptions(slot: Slot, options: AnswerOptions): void {
    storage.write(this.#key('options', slot), Object.keys(options).length > 0 ? JSON.stringify(options) : null)
  }

  /** Long pasted texts of the draft. */
  blocks(slot: Slot): string[] {
    const value = this.#json('blocks', slot)
    return Array.isArray(value) ? value.filter((block) => typeof block === 'string') : []
  }

  setBlocks(slot: Slot, blocks: readonly string[]): void {
    storage.write(this.#key('blocks', slot), blocks.length > 0 ? JSON.stringify(blocks) : null)
  }

  /** Images of the draft that are uploaded. */
  images(slot: Slot): MessageImage[] {
    const value = this.#json('images', slot)
    return Array.isArray(value) ? value.filter(isImage) : []
  }

  setImages(slot: Slot, images: readonly MessageImage[]): void {
    storage.write(this.#key('images', slot), images.length > 0 ? JSON.stringify(images) : null)
  }

  /** Forgets the slot: the chat was deleted, or a new one was created from it. */
  forget(slot: Slot): void {
    this.write(slot, '')
    storage.write(this.#key('outgoing', slot), null)
    storage.write(this.#key('queue', slot), null)
    this.setOptions(slot, {})
    this.setBlocks(slot, [])
    this.setImages(slot, [])
  }

  #json(kind: string, slot: Slot): unknown {
    try {
      return JSON.parse(storage.read(this.#key(kind, slot)) ?? 'null')
    } catch {
      return null
    }
  }

  #key(kind: string, slot: Slot): string {
    return `aichat.${kind}.${this.#owner}.${slot}`
  }
}

/** A hash (FNV-1a with the length) that tells texts apart without revealing them; null for an empty text. */
function markOf(text: string): string | null {
  if (text === '') return null
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return `${text.length}.${hash >>> 0}`
}

function isSaying(value: unknown): value is Saying {
  return typeof value === 'object' && value !== null && 'content' in value && typeof value.content === 'string'
}

function isImage(value: unknown): value is MessageImage {
  return (
    typeof value === 'object' &&
    value !== null &&
    'id' in value &&
    typeof value.id === 'string' &&
    'url' in value &&
    typeof value.url === 'string'
  )
}

function isOutgoing(value: unknown): value is Outgoing {
  return isSaying(value) && 'clientMessageId' in value && typeof value.clientMessageId === 'string'
}

function isRefusal(value: unknown): value is Refusal {
  return (
    typeof value === 'object' &&
    value !== null &&
    'status' in value &&
    typeof value.status === 'number' &&
    'code' in value &&
    typeof value.code === 'string' &&
    'againAt' in value &&
    (value.againAt === null || typeof value.againAt === 'number')
  )
}
