import * as api from '../api/drafts'
import type { Drafts } from './drafts'

type Slot = number | 'new'

const waitMs = 1500
const againMs = 20_000
// Wait while the first page loads.
const calmMs = 3000
const maxChars = 100_000
// Browsers send at most 64 KiB for a page that is closing; a longer draft stays in this browser.
const leavingBytes = 60_000

/**
 * Synchronises drafts between devices through the server. The text in this browser takes precedence: it is replaced only when it has not
 * changed since the last sync.
 */
export class DraftSync {
  #timers = new Map<Slot, ReturnType<typeof setTimeout>>()
  #last: Promise<unknown> = Promise.resolve()
  #open: { slot: Slot; take: (text: string) => void; at: number } | null = null

  constructor(private readonly drafts: Drafts) {
    addEventListener('pagehide', () => this.#leave())
    addEventListener('online', () => this.#again(0))
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#flush() : this.#again(againMs)))
  }

  /** Opens a slot and reads its draft; `take` receives a draft from another device. */
  open(slot: Slot, take: (text: string) => void): void {
    const opened = { slot, take, at: Date.now() }
    this.#open = opened
    const pull = () => { if (this.#open === opened) void this.#inTurn(() => this.#pull(slot, take)) }
    if (slot === 'new') setTimeout(pull, calmMs)
    else pull()
  }

  changed(slot: Slot): void {
    clearTimeout(this.#timers.get(slot))
    // A draft that was sent or discarded must not reappear on another device.
    if (this.drafts.whole(slot) === '') this.#now(slot)
    else this.#timers.set(slot, setTimeout(() => this.#now(slot), waitMs))
  }

  #now(slot: Slot): void {
    clearTimeout(this.#timers.get(slot))
    this.#timers.delete(slot)
    void this.#inTurn(() => this.#push(slot))
  }

  #flush(): void {
    for (const slot of [...this.#timers.keys()]) this.#now(slot)
  }

  async #pull(slot: Slot, take: (text: string) => void): Promise<void> {
    const { owner } = this.drafts
    const before = this.drafts.whole(slot)
    const there = await api.read(slot)
    if (this.drafts.owner !== owner) return
    const here = this.drafts.whole(slot)
    if (there === here) this.drafts.setSynced(slot, here)
    else if (
      here === before &&
      (here === '' || this.drafts.isSynced(slot, here) || this.drafts.isLeft(slot, here)) &&
      !this.drafts.isSynced(slot, there)
    ) {
      this.drafts.setSynced(slot, there)
      if (this.#open?.slot === slot) take(there)
    } else if (this.drafts.isSynced(slot, there)) await this.#push(slot)
  }

  async #push(slot: Slot): Promise<void> {
    const { owner } = this.drafts
    const text = this.drafts.whole(slot)
    if (this.drafts.isSynced(slot, text) || text.length > maxChars) return
    await api.put(slot, text)
    if (this.drafts.owner === owner) this.drafts.setSynced(slot, text)
  }

  /** Runs requests one after another, so that they arrive in order. A failed one is repeated with the next change. */
  #inTurn(action: () => Promise<void>): Promise<void> {
    const next = this.#last.then(action).catch(() => undefined)
    this.#last = next
    return next
  }

  #again(olderThanMs: number): void {
    if (this.#open && Date.now() - this.#open.at >= olderThanMs) this.open(this.#open.slot, this.#open.take)
  }

  #leave(): void {
    const slots = new Set(this.#timers.keys())
    if (this.#open) slots.add(this.#open.slot)
    for (const slot of slots) {
      clearTimeout(this.#timers.get(slot))
      const text = this.drafts.whole(slot)
      if (this.drafts.isSynced(slot, text) || new Blob([text]).size > leavingBytes) continue
      api.putLeaving(slot, text)
      if (navigator.onLine) this.drafts.setLeft(slot, text)
    }
    this.#timers.clear()
  }
}
