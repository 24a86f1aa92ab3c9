import { personal, savePersonal } from '../api/auth'
import type { PersonalSettings } from '../api/types'
import type { I18n, LocaleChoice } from '../i18n/index.svelte'
import type { Catalog } from './catalog.svelte'
import type { Theme, ThemeChoice } from './theme.svelte'

/** The person's preferences, applied at once and stored in the account for every device. */
export class Preferences {
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
