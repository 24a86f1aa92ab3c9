import { storage } from '../browser/storage'

export type ThemeChoice = 'light' | 'dark' | 'system'

const key = 'aichat.theme' // also read by theme-boot.js before the first paint

export class Theme {
  readonly #system = matchMedia('(prefers-color-scheme: dark)')
  #systemDark = $state(this.#system.matches)
  #choice = $state<ThemeChoice>('system')
  readonly dark = $derived(this.#choice === 'dark' || (this.#choice === 'system' && this.#systemDark))

  constructor() {
    const stored = storage.read(key)
    if (stored === 'light' || stored === 'dark') this.#choice = stored
    this.#system.addEventListener('change', (event) => {
      this.#systemDark = event.matches
      this.#apply()
    })
    addEventListener('storage', (event) => {
      if (event.key !== key) return
      this.#choice = event.newValue === 'light' || event.newValue === 'dark' ? event.newValue : 'system'
      this.#apply()
    })
  }

  get choice(): ThemeChoice {
    return this.#choice
  }

  choose(choice: ThemeChoice): void {
    this.#choice = choice
    storage.write(key, choice === 'system' ? null : choice)
    this.#apply()
  }

  #apply(): void {
    document.documentElement.dataset['theme'] = this.dark ? 'dark' : 'light'
  }
}
