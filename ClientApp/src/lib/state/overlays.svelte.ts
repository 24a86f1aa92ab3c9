export type Overlay = { kind: 'search' } | { kind: 'keys' } | { kind: 'share'; sessionId: number }

/** The dialogs that can be opened from anywhere, one at a time. Their code is loaded at first use. */
export class Overlays {
  #current = $state.raw<Overlay | null>(null)

  get current(): Overlay | null {
    return this.#current
  }

  open(overlay: Overlay): void {
    this.#current = overlay
  }

  close(): void {
    this.#current = null
  }
}
