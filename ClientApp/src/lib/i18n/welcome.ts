import { welcome as en } from './en/welcome'
import { learn } from './index.svelte'
import { welcome as zh } from './zh/welcome'

// The texts of what is loaded after the first page of the chat.
learn({ en: [en], zh: [zh] })
