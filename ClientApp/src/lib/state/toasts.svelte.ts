interface Toast {
  id: number
  text: string
  kind: 'info' | 'error'
  action?: { label: string; run: () => void }
}

/** Short notices. Several are shown below each other. */
export class Toasts {
  #items = $state.raw<Toast[]>([])
  #next = 1
  /** A page that has a place of its own for them shows them there, over nothing. */
  docked = $state(false)

  get items(): readonly Toast[] {
    return this.#items
  }

  show(text: string, options: { kind?: Toast['kind']; action?: Toast['action']; ms?: number } = {}): number {
    const id = this.#next++
    // The same words again take the place of the first.
    this.#items = this.#items.filter((toast) => toast.text !== text)
    const toast: Toast = { id, text, kind: options.kind ?? 'info', ...(options.action ? { action: options.action } : {}) }
    this.#items = [...this.#items, toast]
    setTimeout(() => this.dismiss(id), options.ms ?? (toast.kind === 'error' ? 8000 : 5000))
    return id
  }

  dismiss(id: number): void {
    this.#items = this.#items.filter((toast) => toast.id !== id)
  }
}
