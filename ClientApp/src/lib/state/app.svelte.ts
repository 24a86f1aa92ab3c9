import { getContext, setContext, untrack } from 'svelte'
import { Problem } from '../api/http'
import * as api from '../api/sessions'
import type { CatalogModel, ChatSetup, Session } from '../api/types'
import { I18n } from '../i18n/index.svelte'
import { Accent } from './accent.svelte'
import { Auth } from './auth.svelte'
import { until } from './backoff'
import { Catalog } from './catalog.svelte'
import { Connection } from './connection.svelte'
import { Conversation } from './conversation.svelte'
import { DraftSync } from './draft-sync'
import { Drafts, type Saying } from './drafts'
import { Elsewhere } from './elsewhere'
import { Favourites } from './favourites.svelte'
import { Notifier } from './notifier'
import { Overlays } from './overlays.svelte'
import { Places } from './places'
import { Preferences } from './preferences.svelte'
import { Router } from './router.svelte'
import { Seats } from './seats'
import { Sessions } from './sessions.svelte'
import { Theme } from './theme.svelte'
import { Toasts } from './toasts.svelte'

const contextKey = Symbol('app')
const maxConversations = 12
// A tab in the background releases its connection: over HTTP/1.1 a browser has six to a host for all tabs together.
const hiddenGraceMs = 15_000
const staleMs = 20_000
const peekMs = 2000

/** The state of the page, created once by `App.svelte` and reached by context. */
export class AppState {
  readonly i18n = new I18n()
  readonly theme = new Theme()
  readonly accent = new Accent()
  readonly router = new Router()
  readonly auth = new Auth()
  readonly catalog = new Catalog()
  readonly preferences = new Preferences(this.theme, this.i18n, this.catalog, () => this.auth.identity === 'user')
  readonly favourites = new Favourites()
  readonly drafts = new Drafts()
  readonly draftSync = new DraftSync(this.drafts)
  readonly places = new Places(() => this.auth.identity !== 'nobody')
  readonly toasts = new Toasts()
  readonly overlays = new Overlays()
  readonly connection = new Connection()
  readonly notifier = new Notifier()
  readonly sessions = new Sessions((id) => this.#finishedElsewhere(id))
  /** The message to show in the chat that opens next. */
  target = $state.raw<{ sessionId: number; messageId: number; query: string } | null>(null)
  /** Why the first message of a chat came back into the composer, until that is open. */
  refused = $state.raw<{ problem: Problem; setup: ChatSetup } | null>(null)
  #conversations = new Map<number, Conversation>()
  #open = $state.raw<Conversation | null>(null)
  #seats = new Seats((granted) => this.#sit(granted))
  #peeking: ReturnType<typeof setInterval> | undefined
  #owner: number | null | undefined
  #hiddenTimer: ReturnType<typeof setTimeout> | null = null
  #seenAt = Date.now()

  constructor() {
    document.addEventListener('visibilitychange', () => this.#visibility())
    addEventListener('pagehide', () => this.#seats.leave())
    new Elsewhere(() => this.#open, (session) => this.sessions.put(session))
    $effect(() => {
      const live = this.#open?.live
      untrack(() => (live ? this.#seats.want(!document.hidden, true) : this.#stand()))
    })
  }

  /** Loads what the chat needs for the current identity. Another account starts without any state of the one before. */
  async enter(): Promise<void> {
    const owner = this.auth.user?.id ?? null
    if (owner !== this.#owner) {
      this.leave()
      this.#owner = owner
      this.drafts.belongTo(owner)
      this.places.belongTo(owner)
    }
    await Promise.allSettled([this.sessions.load(), this.catalog.load()])
    const there = () => this.sessions.state !== 'failed' && this.catalog.loaded
    void until(() => this.#owner !== owner || there(), () => Promise.allSettled([this.sessions.load(), this.catalog.load()]))
  }

  leave(): void {
    this.#open?.hide()
    this.#open = null
    this.#conversations.clear()
    this.sessions.clear()
    this.#owner = undefined
  }

  conversation(id: number): Conversation {
    const known = this.#conversations.get(id)
    if (known) {
      this.#conversations.delete(id)
      this.#conversations.set(id, known)
      return known
    }
    const conversation = new Conversation(id, this.drafts, this.places, {
      onRunning: (sessionId, messageId) => {
        this.sessions.touch(sessionId, {
          activeRunMessageId: messageId,
          ...(messageId !== null ? { updatedAt: new Date().toISOString() } : {}),
        })
      },
      onEvent: (sessionId, event) => {
        if (event.type === 'title') this.sessions.touch(sessionId, { title: event.title })
        else if (event.type === 'quota') this.auth.setQuota(event)
      },
    })
    this.#conversations.set(id, conversation)
    for (const [old, one] of this.#conversations) {
      if (this.#conversations.size <= maxConversations) break
      if (one !== this.#open && !one.live) this.#conversations.delete(old)
    }
    return conversation
  }

  open(conversation: Conversation | null): void {
    if (this.#open !== conversation) this.#open?.hide()
    this.#open = conversation
    this.sessions.watch(conversation?.id ?? null)
    if (conversation) {
      void this.sessions.ensure(conversation.id).catch(() => undefined)
      if (conversation.live) this.#seats.want(!document.hidden, true)
      void conversation.show().then(() =>
        until(() => this.#open !== conversation || !conversation.transcript.unreachable, () => conversation.load()))
    }
  }

  /** Creates a chat and sends its first message. Throws `Problem`; then the caller still has the text. */
  async startChat(saying: Saying, model: CatalogModel | null, setup: ChatSetup = {}): Promise<void> {
    const session = await this.sessions.create(model, setup)
    if (saying.options) this.drafts.setOptions(session.id, saying.options)
    const conversation = this.conversation(session.id)
    await conversation.load()
    conversation.send(saying, (problem) => this.#takeBack(session, saying, setup, problem))
    this.router.go(`/c/${session.id}`)
  }

  /** A chat whose first message is refused is not kept: the message goes back into the composer, with the reason. */
  #takeBack(session: Session, saying: Saying, setup: ChatSetup, problem: Problem): boolean {
    const { id } = session
    // Without an answer of the server the message may have arrived.
    if (problem.status < 400 || problem.status >= 500 || this.router.sessionId !== id) return false
    this.#conversations.delete(id)
    this.drafts.forget(id)
    this.sessions.discard(id)
    this.sessions.temporary = session.temporary ?? false
    this.drafts.write('new', saying.content)
    this.drafts.setImages('new', saying.images ?? [])
    this.drafts.setOptions('new', saying.options ?? {})
    this.refused = { problem, setup }
    this.router.go('/', { replace: true })
    return true
  }

  /** Opens a chat at one of its messages and highlights the words of the query. */
  goTo(sessionId: number, messageId: number, query: string): void {
    this.target = { sessionId, messageId, query }
    this.router.go(`/c/${sessionId}`)
  }

  /** Creates and opens a chat with everything up to this message. Throws `Problem`. */
  async fork(sessionId: number, messageId: number): Promise<void> {
    const session = await api.fork(sessionId, messageId)
    this.sessions.put(session)
    this.router.go(`/c/${session.id}`)
  }

  fail(error: unknown): void {
    if (!(error instanceof Problem)) throw error
    this.toasts.show(this.i18n.problem(error), { kind: 'error' })
  }

  /** Runs an action and shows a refusal in a toast. Returns false when the server refused. */
  async attempt(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action()
      return true
    } catch (error) {
      this.fail(error)
      return false
    }
  }

  /** Follows the open answer when this tab may hold a connection, else polls it. */
  #sit(granted: boolean): void {
    clearInterval(this.#peeking)
    const open = this.#open
    if (granted) void open?.show()
    else {
      open?.hide()
      this.#peeking = setInterval(() => { if (!document.hidden) void this.#open?.run.peek() }, peekMs)
    }
  }

  #stand(): void {
    clearInterval(this.#peeking)
    this.#seats.leave()
  }

  #rest(): void {
    this.#stand()
    this.#open?.hide()
    // The open chat is no longer followed, so it is polled like the others.
    if (this.notifier.on) this.sessions.watch(null)
  }

  #finishedElsewhere(id: number): void {
    if (id !== this.#open?.id) this.#conversations.delete(id)
    const title = this.sessions.find(id)?.title || this.i18n.t('chat.untitled')
    void this.notifier.tell(title, this.i18n.t('chat.answered'), `/c/${id}`)
  }

  #visibility(): void {
    if (document.hidden) {
      this.#seenAt = Date.now()
      if (this.#open?.live) this.#seats.want(false)
      this.#hiddenTimer = setTimeout(() => this.#rest(), hiddenGraceMs)
      return
    }
    if (this.#hiddenTimer !== null) clearTimeout(this.#hiddenTimer)
    const stale = Date.now() - this.#seenAt > staleMs
    if (stale && this.#owner !== undefined) void this.sessions.load()
    const open = this.#open
    if (open?.live) this.#seats.want(true, true)
    this.sessions.watch(open?.id ?? null)
    if (open) void open.show().then(() => (stale && !open.live ? open.load() : undefined))
  }
}

export function provideApp(app: AppState): void {
  setContext(contextKey, app)
}

export function useApp(): AppState {
  return getContext<AppState>(contextKey)
}
