import * as chat from '../api/chat'
import { ownPage } from '../api/http'
import * as api from '../api/sessions'
import type { ChatSetup, Session } from '../api/types'
import { url } from '../browser/address'
import { byActivity, groupByDate } from './date-groups'

const undoMs = 6000
const pollMs = 3000

/** All chats of the account, newest activity first, loaded page by page. */
export class Sessions {
  #items = $state.raw<Session[]>([])
  #cursor = $state.raw<string | null>(null)
  #state = $state<'new' | 'loading' | 'ready' | 'failed'>('new')
  #unread = $state.raw<ReadonlySet<number>>(new Set())
  #day = $state.raw(new Date())
  #temporary = $state(false)
  #leaving = new Map<number, { session: Session; timer: ReturnType<typeof setTimeout> }>()
  #poll: ReturnType<typeof setTimeout> | null = null
  /** The chat on screen reports its own run; polling is for the others. */
  #watched: number | null = null

  constructor(private readonly onFinishedElsewhere: (sessionId: number) => void) {
    addEventListener('pagehide', () => this.#deleteNow())
  }

  get items() {
    return this.#items
  }
  get state() {
    return this.#state
  }
  /** Whether the next chat is temporary: not listed, and deleted after a while. */
  get temporary() {
    return this.#temporary
  }
  set temporary(on: boolean) {
    this.#temporary = on
  }
  get hasMore() {
    return this.#cursor !== null
  }

  /** The listed chats. `find` also knows archived and temporary chats that were opened by their address. */
  readonly listed = $derived(this.#items.filter((session) => !session.archived && !session.temporary))
  readonly groups = $derived(groupByDate(this.listed, this.#day))

  isUnread(id: number): boolean {
    return this.#unread.has(id)
  }

  find(id: number): Session | null {
    return this.#items.find((session) => session.id === id) ?? null
  }

  async load(): Promise<void> {
    if (this.#state === 'loading') return
    // What has failed says so until an answer comes.
    if (this.#items.length === 0 && this.#state !== 'failed') this.#state = 'loading'
    try {
      const page = await api.list()
      const first = new Map(page.items.map((session) => [session.id, session]))
      // Replace the first page; keep older chats that were loaded below it.
      const last = page.items.at(-1)
      const unlisted = this.#items.filter((one) => one.archived || one.temporary)
      const below = page.nextCursor === null || !last ? [] : this.listed.filter((one) => !first.has(one.id) && byActivity(last, one) < 0)
      this.#set([...page.items, ...below, ...unlisted.filter((one) => !first.has(one.id))])
      if (below.length === 0) this.#cursor = page.nextCursor
      this.#state = 'ready'
      this.#schedule()
    } catch {
      if (this.#items.length === 0) this.#state = 'failed'
    }
  }

  async loadMore(): Promise<void> {
    if (this.#cursor === null || this.#state !== 'ready') return
    this.#state = 'loading'
    try {
      const page = await api.list(this.#cursor)
      this.#cursor = page.nextCursor
      const known = new Set(this.#items.map((session) => session.id))
      this.#set([...this.#items, ...page.items.filter((session) => !known.has(session.id))])
    } finally {
      this.#state = 'ready'
    }
  }

  clear(): void {
    this.#deleteNow()
    this.#items = []
    this.#cursor = null
    this.#state = 'new'
  }

  async create(model: { connectionId: number; model: string } | null, setup: ChatSetup = {}): Promise<Session> {
    const session = await api.create(model, this.#temporary ? { ...setup, temporary: true } : setup)
    this.#temporary = false
    this.put(session)
    return session
  }

  /** A chat opened by its address may be far down the list. */
  async ensure(id: number): Promise<void> {
    if (!this.find(id)) this.put(await api.read(id))
  }

  put(session: Session): void {
    this.#set([session, ...this.#items.filter((one) => one.id !== session.id)])
  }

  touch(id: number, change: Partial<Session>): void {
    const session = this.find(id)
    if (session) this.put({ ...session, ...change })
  }

  async rename(id: number, title: string): Promise<void> {
    const before = this.find(id)
    if (!before || before.title === title) return
    this.touch(id, { title })
    try {
      await api.change(id, { title })
    } catch (error) {
      this.touch(id, { title: before.title })
      throw error
    }
  }

  async switchModel(id: number, model: { connectionId: number; model: string }): Promise<void> {
    const before = this.find(id)
    this.touch(id, { connectionId: model.connectionId, model: model.model })
    try {
      await api.change(id, { connectionId: model.connectionId, model: model.model })
    } catch (error) {
      if (before) this.touch(id, { connectionId: before.connectionId, model: before.model })
      throw error
    }
  }

  async configure(id: number, setup: ChatSetup): Promise<void> {
    this.put(await api.change(id, setup))
  }

  /** Pinned chats stand first, whatever their age. */
  async pin(id: number, pinned: boolean): Promise<void> {
    this.touch(id, { pinned })
    try {
      await api.change(id, { pinned })
    } catch (error) {
      this.touch(id, { pinned: !pinned })
      throw error
    }
  }

  async archive(ids: readonly number[], archived = true): Promise<void> {
    for (const id of ids) this.touch(id, { archived })
    for (const id of ids) {
      try {
        this.put(await api.change(id, { archived }))
      } catch (error) {
        this.touch(id, { archived: !archived })
        throw error
      }
    }
  }

  /** Removes chats from the list at once and from the server after a few seconds; until then `undoDelete` restores them. */
  delete(ids: readonly number[], onFailed: (error: unknown) => void): void {
    for (const id of ids) {
      const session = this.find(id)
      if (!session) continue
      this.#items = this.#items.filter((one) => one.id !== id)
      const timer = setTimeout(() => {
        this.#leaving.delete(id)
        api.remove(id).catch((error: unknown) => {
          this.put(session)
          onFailed(error)
        })
      }, undoMs)
      this.#leaving.set(id, { session, timer })
    }
  }

  /** Removes a chat that never began. Where the server cannot be reached it stays there, empty. */
  discard(id: number): void {
    this.#items = this.#items.filter((one) => one.id !== id)
    void api.remove(id).catch(() => void this.load())
  }

  undoDelete(ids: readonly number[]): void {
    for (const id of ids) {
      const entry = this.#leaving.get(id)
      if (!entry) continue
      clearTimeout(entry.timer)
      this.#leaving.delete(id)
      this.put(entry.session)
    }
  }

  watch(id: number | null): void {
    this.#watched = id
    if (id !== null && this.#unread.has(id)) this.#unread = new Set([...this.#unread].filter((one) => one !== id))
    this.#schedule()
  }

  #set(items: Session[]): void {
    this.#day = new Date()
    this.#items = items
      .filter((session) => !this.#leaving.has(session.id))
      .sort(byActivity)
  }

  #deleteNow(): void {
    for (const [id, { timer }] of this.#leaving) {
      clearTimeout(timer)
      void fetch(url(`api/sessions/${id}`), { method: 'DELETE', keepalive: true, headers: ownPage }).catch(() => undefined)
    }
    this.#leaving.clear()
  }

  #schedule(): void {
    if (this.#poll !== null || !this.#othersRun()) return
    this.#poll = setTimeout(() => {
      this.#poll = null
      void this.#checkRuns()
    }, pollMs)
  }

  #othersRun(): boolean {
    return this.#items.some((session) => session.activeRunMessageId != null && session.id !== this.#watched)
  }

  async #checkRuns(): Promise<void> {
    try {
      const running = new Map((await chat.running()).map((run) => [run.sessionId, run.messageId]))
      for (const session of this.#items) {
        const messageId = running.get(session.id) ?? null
        if (session.id === this.#watched || (session.activeRunMessageId ?? null) === messageId) continue
        this.touch(session.id, { activeRunMessageId: messageId })
        if (messageId !== null) continue
        this.#unread = new Set([...this.#unread, session.id])
        this.onFinishedElsewhere(session.id)
      }
    } catch {
      // The next poll tries again.
    }
    this.#schedule()
  }
}
