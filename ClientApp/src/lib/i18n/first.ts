import { auth as authEn } from './en/auth'
import { chat as chatEn } from './en/chat'
import { common as commonEn } from './en/common'
import { composer as composerEn } from './en/composer'
import { search as searchEn } from './en/search'
import { share as shareEn } from './en/share'
import { sidebar as sidebarEn } from './en/sidebar'
import { errorsEn } from './errors.en'
import { errorsZh } from './errors.zh'
import { auth as authZh } from './zh/auth'
import { chat as chatZh } from './zh/chat'
import { common as commonZh } from './zh/common'
import { composer as composerZh } from './zh/composer'
import { search as searchZh } from './zh/search'
import { share as shareZh } from './zh/share'
import { sidebar as sidebarZh } from './zh/sidebar'

export type Words = Readonly<Record<string, string>>

/** The texts of chat and login. Kept as separate objects: merging them takes a phone longer than looking into each. */
export const first: Record<'en' | 'zh', Words[]> = {
  en: [chatEn, commonEn, composerEn, sidebarEn, searchEn, shareEn, authEn, errorsEn],
  zh: [chatZh, commonZh, composerZh, sidebarZh, searchZh, shareZh, authZh, errorsZh],
}
