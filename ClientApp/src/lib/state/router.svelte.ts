import { tabStorage } from '../browser/storage'

const setupCodeKey = 'aichat.setupCode'

/** The address of the page below its base path; the only place that touches `history`. */
export class Router {
  readonly #base = new URL(document.baseURI).pathname
  #path = $state('/')
  #setup = $state.raw({ code: tabStorage.read(setupCodeKey) ?? '' })
  #hold: ((leave: () => void) => void) | null = null

  constructor() {
    this.#read()
    addEventListener('popstate', () => this.#back())
    document.addEventListener('click', (event) => this.#follow(event))
  }

  get path(): string {
    return this.#path
  }

  /** The setup code from a link `#setup=<code>`, a new object for every opened link. Kept over reloads of this tab until it is used. */
  get setup(): { readonly code: string } {
    return this.#setup
  }

  keepSetupCode(code: string): void {
    this.#setup = { code }
    tabStorage.write(setupCodeKey, code === '' ? null : code)
  }

  readonly sessionId = $derived.by(() => {
    const match = /^\/c\/(\d+)$/.exec(this.#path)
    return match ? Number(match[1]) : null
  })

  /** The value for an `href` attribute. */
  href(path: string): string {
    return this.#base + path.replace(/^\//, '')
  }

  go(path: string, options: { replace?: boolean } = {}): void {
    if (path === this.#path) return
    if (this.#hold) {
      this.#hold(() => {
        this.#hold = null
        this.go(path, options)
      })
      return
    }
    if (options.replace) history.replaceState(null, '', this.href(path))
    else history.pushState(null, '', this.href(path))
    this.#path = path
  }

  /** Calls `ask` before leaving the page; the returned function removes it. */
  hold(ask: (leave: () => void) => void): () => void {
    this.#hold = ask
    return () => {
      if (this.#hold === ask) this.#hold = null
    }
  }

  /** Goes to a full address if it is one of this application. */
  follow(address: string): void {
    const { pathname, origin } = new URL(address)
    if (origin === location.origin && pathname.startsWith(this.#base)) this.go(`/${pathname.slice(this.#base.length)}`)
  }

  #back(): void {
    const held = this.#hold ? this.#path : null
    this.#read()
    if (held === null || held === this.#path) return
    // The browser has navigated already: restore the held page, then ask whether it may be left.
    const wanted = this.#path
    this.#path = held
    history.pushState(null, '', this.href(held))
    this.go(wanted)
  }

  #read(): void {
    const { pathname, search, hash } = location
    const code = /^#setup=(.+)$/.exec(hash)?.[1]
    if (code !== undefined) {
      this.keepSetupCode(decoded(code))
      // Remove the code from the address bar and the history.
      history.replaceState(null, '', pathname + search)
    }
    this.#path = pathname.startsWith(this.#base) ? `/${pathname.slice(this.#base.length)}` : '/'
  }

  /** Plain clicks on our own links change the page without loading it again. */
  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!link || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return
    if (!link.hasAttribute('data-route') || !link.pathname.startsWith(this.#base)) return
    event.preventDefault()
    this.go(`/${link.pathname.slice(this.#base.length)}`)
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text).trim()
  } catch {
    return text
  }
}
