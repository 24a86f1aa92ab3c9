import { storage } from '../browser/storage'

const key = 'aichat.hue' // also read by theme-boot.js before the first paint

/** The hue that an administrator chooses. Lightness and chroma are fixed, so contrast holds for every hue. */
export class Accent {
  #stored: number | null = null

  use(hue: number | null | undefined): void {
    this.#stored = hue ?? null
    storage.write(key, this.#stored === null ? null : String(this.#stored))
    this.#apply(this.#stored)
  }

  /** Shows a hue without storing it; null shows the stored one again. */
  preview(hue: number | null): void {
    this.#apply(hue ?? this.#stored)
  }

  #apply(hue: number | null): void {
    const { style } = document.documentElement
    if (hue === null) style.removeProperty('--hue')
    else style.setProperty('--hue', String(hue))
  }
}
