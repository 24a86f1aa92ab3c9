import { admin } from './en/admin'
import { audit } from './en/audit'
import { auth } from './en/auth'
import { backup } from './en/backup'
import { chat } from './en/chat'
import { common } from './en/common'
import { composer } from './en/composer'
import { imports } from './en/imports'
import { people } from './en/people'
import { search } from './en/search'
import { settings } from './en/settings'
import { setup } from './en/setup'
import { share } from './en/share'
import { sidebar } from './en/sidebar'
import { system } from './en/system'
import { trace } from './en/trace'
import { way } from './en/way'
import { welcome } from './en/welcome'
import { errorsEn } from './errors.en'

/** All texts of the page, one file for each area. */
export const en = {
  ...errorsEn,
  ...admin,
  ...audit,
  ...auth,
  ...backup,
  ...chat,
  ...common,
  ...composer,
  ...imports,
  ...people,
  ...search,
  ...settings,
  ...setup,
  ...share,
  ...sidebar,
  ...system,
  ...trace,
  ...way,
  ...welcome,
} as const

export type MessageKey = keyof typeof en
