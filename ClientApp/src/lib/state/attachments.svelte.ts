import { Problem } from '../api/http'
import * as api from '../api/images'
import type { MessageImage } from '../api/types'
import { downscale } from './downscale'

export const maxImages = 4

/** One image on its way to the server. */
export class Attachment {
  readonly key = crypto.getRandomValues(new Uint32Array(1)).join()
  #share = $state(0)
  #image = $state.raw<MessageImage | null>(null)
  #problem = $state.raw<Problem | null>(null)
  readonly #leaving = new AbortController()

  constructor(readonly preview: string, image: MessageImage | null = null) {
    this.#image = image
  }

  /** Upload progress from 0 to 1. */
  get share() {
    return this.#share
  }
  get image() {
    return this.#image
  }
  get problem() {
    return this.#problem
  }

  async send(file: Blob): Promise<void> {
    this.#problem = null
    try {
      const small = await downscale(file).catch(() => {
        throw new Problem(415, 'image_unreadable')
      })
      this.#image = await api.upload(small, (share) => (this.#share = share), this.#leaving.signal)
    } catch (error) {
      this.#problem = error instanceof Problem ? error : new Problem(0, 'offline')
    }
  }

  /** Stops the upload and deletes the image on the server if it has arrived. */
  leave(): void {
    this.#leaving.abort()
    if (this.preview.startsWith('blob:')) URL.revokeObjectURL(this.preview)
  }
}

/** The images of the message in the composer. */
export class Attachments {
  #items = $state.raw<Attachment[]>([])

  constructor(images: readonly MessageImage[], private readonly onChanged: (images: MessageImage[]) => void) {
    this.#items = images.map((image) => new Attachment(api.source(image), image))
  }

  get items(): readonly Attachment[] {
    return this.#items
  }
  readonly busy = $derived(this.#items.some((one) => !one.image && !one.problem))
  readonly images = $derived(this.#items.flatMap((one) => (one.image ? [one.image] : [])))

  /** Adds the files up to the limit; false when some were left out. */
  add(files: readonly Blob[]): boolean {
    const images = files.filter((file) => file.type.startsWith('image/'))
    const room = images.slice(0, maxImages - this.#items.length)
    for (const file of room) {
      const attachment = new Attachment(URL.createObjectURL(file))
      this.#items = [...this.#items, attachment]
      void attachment.send(file).then(() => this.#changed())
    }
    return room.length === files.length
  }

  put(images: readonly MessageImage[]): void {
    this.#items = [...this.#items, ...images.map((image) => new Attachment(api.source(image), image))].slice(0, maxImages)
    this.#changed()
  }

  remove(attachment: Attachment): void {
    attachment.leave()
    if (attachment.image) api.remove(attachment.image.id).catch(() => undefined)
    this.#items = this.#items.filter((one) => one !== attachment)
    this.#changed()
  }

  /** Returns the uploaded images for the message and empties the list. */
  take(): MessageImage[] {
    const { images } = this
    for (const one of this.#items) one.leave()
    this.#items = []
    this.#changed()
    return images
  }

  #changed(): void {
    this.onChanged(this.images)
  }
}
