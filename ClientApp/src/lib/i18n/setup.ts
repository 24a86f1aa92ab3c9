import { setup as en } from './en/setup'
import { learn } from './index.svelte'
import { setup as zh } from './zh/setup'

// The texts of the first page of a new server.
learn({ en: [en], zh: [zh] })
