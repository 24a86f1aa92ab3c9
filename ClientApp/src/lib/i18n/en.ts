import { admin } from './en/admin'
import { auth } from './en/auth'
import { chat } from './en/chat'
import { common } from './en/common'
import { composer } from './en/composer'
import { search } from './en/search'
import { settings } from './en/settings'
import { setup } from './en/setup'
import { sidebar } from './en/sidebar'
import { errorsEn } from './errors.en'

/** Every text of the page, one file an area. */
export const en = {
  ...errorsEn,
  ...admin,
  ...auth,
  ...chat,
  ...common,
  ...composer,
  ...search,
  ...settings,
  ...setup,
  ...sidebar,
} as const

export type MessageKey = keyof typeof en
