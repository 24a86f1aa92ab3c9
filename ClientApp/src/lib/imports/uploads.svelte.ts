import { SvelteMap } from 'svelte/reactivity'
import { findImport, imports, upload, type ChatImport, type ImportOptions } from '../api/imports'
import { Problem } from '../api/http'

const every = 1000

/** A file that waits for its turn or is being sent. */
export interface Sending {
  key: number
  file: File
  options: ImportOptions
  share: number | null
  problem: Problem | null
}

/** The imports of this person: files are sent one after another, each when the import of the one before has ended. */
export class Uploads {
  sending = $state<Sending[]>([])
  items = $state.raw<ChatImport[]>([])
  /** Of the imports that began on this page, for another attempt. */
  readonly files = new SvelteMap<number, File>()
  readonly #aborter = new AbortController()
  #next = 0
  #busy = false

  /** @param ended Called when an import has ended. */
  constructor(private readonly ended: (done: ChatImport) => void) {}

  /** What was imported before, and what still runs. */
  async load(): Promise<void> {
    this.items = (await imports()).items
    void this.#work()
  }

  add(files: Iterable<File>, options: ImportOptions): void {
    for (const file of files) this.sending.push({ key: this.#next++, file, options, share: null, problem: null })
    void this.#work()
  }

  drop(key: number): void {
    this.sending = this.sending.filter((entry) => entry.key !== key)
  }

  /** The page is left: what is being sent ends, what runs on the server goes on. */
  leave(): void {
    this.#aborter.abort()
  }

  async #work(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      for (;;) {
        const running = this.items.find((item) => item.state === 'running')
        if (running) await this.#follow(running.id)
        const next = this.sending.find((entry) => entry.problem === null)
        if (!next || this.#aborter.signal.aborted) return
        await this.#send(next)
      }
    } finally {
      this.#busy = false
    }
  }

  async #send(entry: Sending): Promise<void> {
    entry.share = 0
    try {
      const begun = await upload(entry.file, entry.options, (share) => (entry.share = share), this.#aborter.signal)
      this.files.set(begun.id, entry.file)
      this.items = [begun, ...this.items]
      this.drop(entry.key)
    } catch (error) {
      if (!(error instanceof Problem)) return this.drop(entry.key)
      entry.problem = error
    }
  }

  async #follow(id: number): Promise<void> {
    while (!this.#aborter.signal.aborted) {
      try {
        const now = await findImport(id)
        this.items = this.items.map((item) => (item.id === id ? now : item))
        if (now.state !== 'running') return this.ended(now)
      } catch (error) {
        // The server or the network is away for a moment, or the import is gone.
        if (error instanceof Problem && error.status === 404) {
          this.items = this.items.filter((item) => item.id !== id)
          return
        }
      }
      await new Promise((resolve) => setTimeout(resolve, every))
    }
  }
}
