import { storage } from '../browser/storage'

const key = 'aichat.hue' // also read by theme-boot.js before the first paint

/** The one colour an administrator chooses; lightness and chroma stay ours, so contrast holds for every hue. */
export class Accent {
  #stored: number | null = null

  use(hue: number | null | undefined): void {
    this.#stored = hue ?? null
    storage.write(key, this.#stored === null ? null : String(this.#stored))
    this.#apply(this.#stored)
  }

  /** Shows a hue that is not stored yet; null shows the stored one again. */
  preview(hue: number | null): void {
    this.#apply(hue ?? this.#stored)
  }

  #apply(hue: number | null): void {
    const { style } = document.documentElement
    if (hue === null) style.removeProperty('--hue')
    else style.setProperty('--hue', String(hue))
  }
}
