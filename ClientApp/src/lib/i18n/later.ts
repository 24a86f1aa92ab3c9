import { en } from './en'
import { learn } from './index.svelte'
import { zh } from './zh'

// Imported by the settings and by the setup: their words are more than half of all, and most who chat never see them.
learn({ en, zh })
