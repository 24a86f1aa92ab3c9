import { personal, savePersonal, type PersonalSettings } from '../api/settings'
import type { I18n, LocaleChoice } from '../i18n/index.svelte'
import type { Catalog } from './catalog.svelte'
import type { Theme, ThemeChoice } from './theme.svelte'

/** The person's preferences, applied at once and stored in the account for every device. */
export class Preferences {
  /** Messages of the person's own on an empty chat; null while those of the administrator or of the page are offered. */
  suggestions = $state.raw<readonly string[] | null>(null)
  /** Ids of the prompts that are offered on an empty chat. */
  pinned = $state.raw<readonly number[]>([])
  /** Whether one's own messages are drawn as Markdown. */
  ownMarkdown = $state(false)

  constructor(
    private readonly theme: Theme,
    private readonly i18n: I18n,
    private readonly catalog: Catalog,
    private readonly isUser: () => boolean,
  ) {}

  /** Applies preferences from the account; those never chosen there keep the values of this browser. */
  async load(): Promise<void> {
    if (!this.isUser()) return
    const stored = await personal()
    if (stored.theme === 'light' || stored.theme === 'dark') this.theme.choose(stored.theme)
    if (stored.locale === 'en' || stored.locale === 'zh') this.i18n.choose(stored.locale)
    if (stored.preferredModel) this.catalog.preferId(stored.preferredModel)
    this.suggestions = stored.suggestions ?? null
    this.pinned = stored.pinnedPrompts ?? []
    this.ownMarkdown = stored.ownMarkdown ?? false
  }

  drawOwn(ownMarkdown: boolean): void {
    this.ownMarkdown = ownMarkdown
    this.#save({ ownMarkdown })
  }

  pin(id: number, on: boolean): void {
    this.pinned = on ? [...this.pinned, id] : this.pinned.filter((one) => one !== id)
    this.#save({ pinnedPrompts: this.pinned })
  }

  /** Stores the person's own suggestions; null brings the others back. Throws `Problem`. */
  async suggest(suggestions: readonly string[] | null): Promise<void> {
    await savePersonal({ suggestions })
    this.suggestions = suggestions
  }

  chooseTheme(theme: ThemeChoice): void {
    this.theme.choose(theme)
    this.#save({ theme })
  }

  chooseLocale(locale: LocaleChoice): void {
    this.i18n.choose(locale)
    this.#save({ locale })
  }

  chooseModel(preferredModel: string): void {
    this.catalog.preferId(preferredModel)
    this.#save({ preferredModel })
  }

  // This browser keeps the choice in any case, so a failure is ignored.
  #save(change: PersonalSettings): void {
    if (this.isUser()) void savePersonal(change).catch(() => undefined)
  }
}
