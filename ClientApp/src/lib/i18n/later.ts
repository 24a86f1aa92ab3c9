import { en } from './en'
import { learn } from './index.svelte'
import { zh } from './zh'

// Imported by settings and setup only: these are more than half of all texts, and most people who chat never see them.
learn({ en, zh })
