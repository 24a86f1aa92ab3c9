import * as api from '../api/auth'
import { askedEarly, forgetAccess, noteAccess, wasHere } from '../api/early'
import { Problem, refresh, whenSignedOut } from '../api/http'
import type { Branding, Quota, User } from '../api/types'
import { storage } from '../browser/storage'

type Identity = 'unknown' | 'nobody' | 'guest' | 'user'

// The access token lives ten minutes. Refreshing after eight keeps long answers from running into a 401.
const refreshMs = 8 * 60_000
// The server's pause between requests is shorter. Only that between new guests of one address is longer.
const longestWaitSeconds = 60

/** The identity of the visitor, and the public settings of the server. */
export class Auth {
  #branding = $state.raw<Branding | null>(null)
  #user = $state.raw<User | null>(null)
  #identity = $state<Identity>('unknown')
  #quota = $state.raw<Quota | null>(null)
  #unreachable = $state(false)
  #busy = $state.raw<Problem | null>(null)
  #endedUnexpectedly = $state(false)

  constructor() {
    whenSignedOut(() => {
      this.#endedUnexpectedly = this.#identity === 'user'
      this.#forget()
    })
    setInterval(() => {
      if (this.#identity === 'user' && !document.hidden) void refresh().catch(() => false)
    }, refreshMs)
  }

  get branding() {
    return this.#branding
  }
  get brand() {
    return this.#branding?.brandText || 'AiChat'
  }
  get user() {
    return this.#user
  }
  get identity() {
    return this.#identity
  }
  get isAdmin() {
    return this.#user?.role === 'ADMIN'
  }
  get quota() {
    return this.#quota
  }
  get unreachable() {
    return this.#unreachable
  }
  /** The server is there and takes no more requests from here for now. */
  get busy() {
    return this.#busy
  }
  get endedUnexpectedly() {
    return this.#endedUnexpectedly
  }

  /** Sends the first requests of the page. Resolves when the identity is known; retries while the server is unreachable. */
  async start(): Promise<void> {
    for (let wait = 1000; ; wait = Math.min(wait * 2, 15_000)) {
      try {
        if (wasHere() || askedEarly()) await Promise.all([this.loadBranding(), this.loadMe()])
        else {
          // A new server has no accounts yet.
          await this.loadBranding()
          if (this.#branding?.setupRequired) this.#forget()
          else await this.loadMe()
        }
        this.#unreachable = false
        return
      } catch (error) {
        this.#unreachable = true
        this.#busy = error instanceof Problem && error.status === 429 ? error : null
        await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)))
      }
    }
  }

  async loadBranding(): Promise<void> {
    this.#branding = await api.branding()
  }

  async loadMe(again = true): Promise<void> {
    try {
      const me = await api.me()
      this.#user = me.user
      this.#quota = me.quota
      this.#identity = me.user ? 'user' : me.guest ? 'guest' : 'nobody'
      if (!wasHere()) noteAccess()
    } catch (error) {
      if (!(error instanceof Problem) || error.status === 0 || error.status >= 500) throw error
      // Too many requests say nothing about who asks.
      if (error.status === 429 && (error.retryAfterSeconds ?? 0) <= longestWaitSeconds) throw error
      this.#forget()
      // The login has ended and its cookies are gone; the person may continue as a guest.
      if (again && this.#branding?.guestsAllowed) await this.loadMe(false)
    }
  }

  async login(username: string, password: string): Promise<void> {
    await api.login(username, password)
    noteAccess()
    this.#endedUnexpectedly = false
    await this.loadMe()
  }

  /** Creates an account. ACTIVE means logged in (the first account), PENDING that an administrator has to approve it. */
  async register(username: string, password: string, setupCode?: string): Promise<User> {
    const { user } = await api.register(username, password, setupCode)
    if (user.status !== 'ACTIVE') return user
    noteAccess()
    await Promise.all([this.loadMe(), this.loadBranding()])
    return user
  }

  /**
   * Throws when the server has not heard of it: the browser is logged in still, and the page must not say otherwise.
   * @param leave clears the page, before what the browser keeps of this person is removed
   */
  async logout(leave: () => void): Promise<void> {
    await api.logout()
    leave()
    this.#leaveNothing()
    if (this.#branding?.guestsAllowed) await this.loadMe(false)
  }

  /** As {@link logout}, on every device. */
  async logoutEverywhere(leave: () => void): Promise<void> {
    await api.logoutAll()
    leave()
    this.#leaveNothing()
  }

  setQuota(quota: Quota): void {
    this.#quota = quota
  }

  /** After an intended sign-out no text of this person remains in the browser. */
  #leaveNothing(): void {
    for (const kind of ['draft', 'outgoing', 'queue', 'options', 'blocks', 'images', 'synced', 'left', 'places'])
      storage.forget(`aichat.${kind}.`)
    this.#forget()
  }

  #forget(): void {
    forgetAccess()
    this.#user = null
    this.#quota = null
    this.#identity = 'nobody'
  }
}
