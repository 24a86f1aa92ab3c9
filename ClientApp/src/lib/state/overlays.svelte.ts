export type Overlay = { kind: 'search' } | { kind: 'keys' } | { kind: 'share'; sessionId: number }

/** The one dialog that can be opened from anywhere; its code is loaded when it is first wanted. */
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
