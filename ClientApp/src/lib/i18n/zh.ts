import type { MessageKey } from './en'
import { errorsZh } from './errors.zh'
import { admin } from './zh/admin'
import { audit } from './zh/audit'
import { auth } from './zh/auth'
import { backup } from './zh/backup'
import { chat } from './zh/chat'
import { common } from './zh/common'
import { composer } from './zh/composer'
import { imports } from './zh/imports'
import { people } from './zh/people'
import { search } from './zh/search'
import { settings } from './zh/settings'
import { setup } from './zh/setup'
import { share } from './zh/share'
import { sidebar } from './zh/sidebar'
import { system } from './zh/system'
import { trace } from './zh/trace'
import { way } from './zh/way'
import { welcome } from './zh/welcome'

export const zh: Record<MessageKey, string> = {
  ...errorsZh,
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
}
