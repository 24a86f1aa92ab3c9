import type { AppState } from '../state/app.svelte'

/** The actions on chats of the list. Deleting and archiving can be undone. */
export class SessionActions {
  constructor(private readonly app: AppState) {}

  pin(id: number, pinned: boolean): void {
    this.app.sessions.pin(id, pinned).catch(this.#failed)
  }

  rename(id: number, title: string): void {
    this.app.sessions.rename(id, title).catch(this.#failed)
  }

  archive(ids: readonly number[]): void {
    const { i18n, sessions, toasts } = this.app
    const said = this.#name(ids, 'sidebar.archived', 'sidebar.archivedMany')
    this.#leave(ids)
    sessions.archive(ids).catch(this.#failed)
    toasts.show(said, { action: { label: i18n.t('app.undo'), run: () => void sessions.archive(ids, false).catch(this.#failed) } })
  }

  delete(ids: readonly number[]): void {
    const { i18n, sessions, toasts } = this.app
    const said = this.#name(ids, 'sidebar.deleted', 'sidebar.deletedMany')
    this.#leave(ids)
    sessions.delete(ids, this.#failed)
    toasts.show(said, { action: { label: i18n.t('app.undo'), run: () => sessions.undoDelete(ids) }, ms: 5500 })
  }

  #name(ids: readonly number[], one: 'sidebar.archived' | 'sidebar.deleted', many: 'sidebar.archivedMany' | 'sidebar.deletedMany'): string {
    const { i18n, sessions } = this.app
    const [first] = ids
    if (ids.length !== 1 || first === undefined) return i18n.plural(many, ids.length)
    return i18n.t(one, { title: sessions.find(first)?.title || i18n.t('chat.untitled') })
  }

  /** Leaves the open chat when it is one of them. */
  #leave(ids: readonly number[]): void {
    const { router } = this.app
    if (router.sessionId !== null && ids.includes(router.sessionId)) router.go('/')
  }

  readonly #failed = (error: unknown): void => this.app.fail(error)
}
