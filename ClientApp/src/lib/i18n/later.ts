import './setup'
import './welcome'
import { admin as adminEn } from './en/admin'
import { audit as auditEn } from './en/audit'
import { backup as backupEn } from './en/backup'
import { imports as importsEn } from './en/imports'
import { people as peopleEn } from './en/people'
import { settings as settingsEn } from './en/settings'
import { system as systemEn } from './en/system'
import { trace as traceEn } from './en/trace'
import { way as wayEn } from './en/way'
import { learn } from './index.svelte'
import { admin as adminZh } from './zh/admin'
import { audit as auditZh } from './zh/audit'
import { backup as backupZh } from './zh/backup'
import { imports as importsZh } from './zh/imports'
import { people as peopleZh } from './zh/people'
import { settings as settingsZh } from './zh/settings'
import { system as systemZh } from './zh/system'
import { trace as traceZh } from './zh/trace'
import { way as wayZh } from './zh/way'

// Imported by settings and the later steps of the setup only: these are more than half of all texts, and most people who chat never see
// them.
learn({
  en: [adminEn, auditEn, backupEn, importsEn, peopleEn, settingsEn, systemEn, traceEn, wayEn],
  zh: [adminZh, auditZh, backupZh, importsZh, peopleZh, settingsZh, systemZh, traceZh, wayZh],
})
