import type { AnswerOptions, ChatSetup } from '../api/types'
import { Attachments } from './attachments.svelte'
import type { DraftSync } from './draft-sync'
import type { Drafts, Saying } from './drafts'

type Slot = number | 'new'

export const maxChars = 100_000
// A longer pasted text becomes a block: in the field it would make every keystroke slow.
const blockChars = 12_000

/** The message in the composer of one chat. It survives a reload. */
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
  /** Long pasted texts, sent after the typed one. */
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
  /** Instructions and parameters for a chat that is not created yet. */
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

  /** Takes over a draft from another device, unless the field has a text that could not be stored here. */
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

  /** Handles a pasted text: it is typed as usual, becomes a block, or is refused because the message would be too long. */
  paste(text: string): 'typed' | 'block' | 'refused' {
    if (this.length + text.length > maxChars) return 'refused'
    if (text.length < blockChars) return 'typed'
    this.#setBlocks([...this.#blocks, text])
    return 'block'
  }

  removeBlock(index: number): void {
    this.#setBlocks(this.#blocks.filter((_, at) => at !== index))
  }

  /** Puts a message back into the composer, before its current text. */
  putBack(saying: Saying): void {
    const { content } = saying
    if (content.length >= blockChars) this.#setBlocks([content, ...this.#blocks])
    else if (content !== '') this.type(this.#text === '' ? content : `${content}\n\n${this.#text}`)
    if (saying.images?.length) this.#attachments.put(saying.images)
  }

  /** Puts a quotation behind the text, with the caret's place after it. */
  quote(text: string): void {
    const quoted = text.trim().replace(/^/gm, '> ').replace(/^> $/gm, '>')
    this.type(`${this.#text.trim() === '' ? '' : `${this.#text.trimEnd()}\n\n`}${quoted}\n\n`)
  }

  /** The message to send; it stays in the composer until `clear`. */
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
