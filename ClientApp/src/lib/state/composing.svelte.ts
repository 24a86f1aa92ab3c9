import type { AnswerOptions, ChatSetup } from '../api/types'
import { Attachments } from './attachments.svelte'
import type { DraftSync } from './draft-sync'
import type { Drafts, Saying } from './drafts'

type Slot = number | 'new'

export const maxChars = 100_000
// What is longer is a document, not typing: it would make every keystroke slow.
const blockChars = 12_000

/** The message that is being written in one chat. All of it survives a reload. */
export class Composing {
  #slot: Slot = 'new'
  #text = $state('')
  #blocks = $state.raw<readonly string[]>([])
  #options = $state.raw<AnswerOptions>({})
  #setup = $state.raw<ChatSetup>({})
  #attachments = $state.raw(new Attachments([], () => undefined))

  constructor(
    private readonly drafts: Drafts,
    private readonly sync: DraftSync,
  ) {}

  get text() {
    return this.#text
  }
  /** Long pasted texts, sent after what was typed. */
  get blocks() {
    return this.#blocks
  }
  get attachments() {
    return this.#attachments
  }
  get options() {
    return this.#options
  }
  set options(options: AnswerOptions) {
    this.#options = options
    this.drafts.setOptions(this.#slot, options)
  }
  /** Instructions and parameters of a chat that does not exist yet. */
  get setup() {
    return this.#setup
  }
  set setup(setup: ChatSetup) {
    this.#setup = setup
  }

  readonly length = $derived(this.#text.length + this.#blocks.reduce((sum, block) => sum + block.length + 2, 0))
  readonly empty = $derived(this.#text.trim() === '' && this.#blocks.length === 0 && this.#attachments.items.length === 0)

  open(slot: Slot): void {
    this.#slot = slot
    this.#text = this.drafts.read(slot)
    this.#blocks = this.drafts.blocks(slot)
    this.#options = this.drafts.options(slot)
    this.#setup = {}
    this.#attachments = new Attachments(this.drafts.images(slot), (images) => this.drafts.setImages(slot, images))
    this.sync.open(slot, (text) => this.#take(text))
  }

  /** A draft from another device, unless there is something here that this browser could not keep. */
  #take(text: string): void {
    if (this.#text !== this.drafts.read(this.#slot)) return
    this.#setBlocks(text.length >= blockChars ? [text] : [])
    this.type(text.length >= blockChars ? '' : text)
  }

  type(text: string): void {
    this.#text = text
    this.drafts.write(this.#slot, text)
    this.sync.changed(this.#slot)
  }

  /** What becomes of a pasted text: typed as usual, kept as a block, or refused because the message would be too long. */
  paste(text: string): 'typed' | 'block' | 'refused' {
    if (this.length + text.length > maxChars) return 'refused'
    if (text.length < blockChars) return 'typed'
    this.#setBlocks([...this.#blocks, text])
    return 'block'
  }

  removeBlock(index: number): void {
    this.#setBlocks(this.#blocks.filter((_, at) => at !== index))
  }

  /** Into the box again, before what is in it. */
  putBack(saying: Saying): void {
    const { content } = saying
    if (content.length >= blockChars) this.#setBlocks([content, ...this.#blocks])
    else if (content !== '') this.type(this.#text === '' ? content : `${content}\n\n${this.#text}`)
    if (saying.images?.length) this.#attachments.put(saying.images)
  }

  /** The message as it is; it stays in the box until `clear`. */
  get saying(): Saying {
    const { images } = this.#attachments
    return {
      content: [this.#text.trim(), ...this.#blocks].filter((part) => part !== '').join('\n\n'),
      ...(images.length > 0 ? { images } : {}),
      ...(Object.keys(this.#options).length > 0 ? { options: this.#options } : {}),
    }
  }

  clear(): void {
    this.type('')
    this.#setBlocks([])
    this.#attachments.take()
  }

  #setBlocks(blocks: readonly string[]): void {
    this.#blocks = blocks
    this.drafts.setBlocks(this.#slot, blocks)
    this.sync.changed(this.#slot)
  }
}
