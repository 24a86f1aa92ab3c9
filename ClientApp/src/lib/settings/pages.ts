import type { Component } from 'svelte'
import { groups } from '../admin/system/fields'
import type { MessageKey } from '../i18n/index.svelte'
import type { IconName } from '../ui/icons'

export interface SettingsEntry {
  path: string
  label: MessageKey
  icon: IconName
  /** Labels of the settings on the page, for the search. */
  settings?: readonly MessageKey[]
  load: () => Promise<{ default: Component }>
}

export interface SettingsGroup {
  key: 'personal' | 'people' | 'models' | 'look' | 'operation'
  entries: readonly SettingsEntry[]
}

/** What the pages have beside the settings of the table. */
const beside: Partial<Record<keyof typeof groups, MessageKey[]>> = {
  general: ['system.logo', 'system.assistantAvatar', 'system.linkTest'],
}

function system(name: Exclude<keyof typeof groups, 'backup'>, icon: IconName): SettingsEntry {
  const settings: MessageKey[] = groups[name].map((field) => `system.${field.key}` as MessageKey)
  return {
    path: `/settings/system/${name}`,
    label: `system.${name}`,
    icon,
    settings: [...settings, ...(beside[name] ?? [])],
    load: () => import('../admin/system/SystemPage.svelte'),
  }
}

/** Each page is loaded when it is opened. */
export const personalPages: readonly SettingsEntry[] = [
  {
    path: '/settings/appearance',
    label: 'settings.general',
    icon: 'sun',
    settings: ['menu.theme', 'menu.language', 'settings.ownMarkdown', 'settings.notify'],
    load: () => import('./AppearancePage.svelte'),
  },
  {
    path: '/settings/account',
    label: 'account.title',
    icon: 'user',
    settings: ['account.export', 'account.delete'],
    load: () => import('../account/AccountPage.svelte'),
  },
  {
    path: '/settings/password',
    label: 'settings.security',
    icon: 'lock',
    settings: ['auth.passwordNew'],
    load: () => import('./PasswordPage.svelte'),
  },
  {
    path: '/settings/import',
    label: 'imports.title',
    icon: 'restore',
    settings: ['imports.how'],
    load: () => import('../imports/ImportPage.svelte'),
  },
  { path: '/settings/devices', label: 'settings.devices', icon: 'device', load: () => import('./DevicesPage.svelte') },
  { path: '/settings/shares', label: 'shares.title', icon: 'share', load: () => import('./SharesPage.svelte') },
  { path: '/settings/keys', label: 'apikey.pageTitle', icon: 'key', load: () => import('../keys/KeysPage.svelte') },
  { path: '/settings/usage', label: 'usage.title', icon: 'chart', load: () => import('../usage/OwnUsagePage.svelte') },
]

const people: readonly SettingsEntry[] = [
  { path: '/settings/users', label: 'users.title', icon: 'users', load: () => import('../admin/users/UsersPage.svelte') },
  system('limits', 'clock'),
  { path: '/settings/overview', label: 'usage.allTitle', icon: 'chart', load: () => import('../admin/UsageAllPage.svelte') },
]

const models: readonly SettingsEntry[] = [
  { path: '/settings/connections', label: 'connection.title', icon: 'plug', load: () => import('../admin/ConnectionsPage.svelte') },
  { path: '/settings/models', label: 'models.title', icon: 'star', load: () => import('../admin/models/ModelsPage.svelte') },
  system('reasoning', 'bulb'),
  system('search', 'search'),
]

const operation: readonly SettingsEntry[] = [
  system('network', 'language'),
  system('storage', 'gear'),
  {
    path: '/settings/backups',
    label: 'backup.title',
    icon: 'archive',
    settings: groups.backup.map((field) => `system.${field.key}` as MessageKey),
    load: () => import('../admin/backups/BackupsPage.svelte'),
  },
  { path: '/settings/audit', label: 'audit.title', icon: 'select', load: () => import('../admin/AuditPage.svelte') },
  { path: '/settings/traces', label: 'trace.title', icon: 'document', load: () => import('../admin/traces/TracesPage.svelte') },
  system('trace', 'eye'),
  { path: '/settings/about', label: 'about.title', icon: 'info', load: () => import('../admin/AboutPage.svelte') },
]

export const personalGroups: readonly SettingsGroup[] = [{ key: 'personal', entries: personalPages }]

export const adminGroups: readonly SettingsGroup[] = [
  { key: 'people', entries: people },
  { key: 'models', entries: models },
  { key: 'look', entries: [system('general', 'image')] },
  { key: 'operation', entries: operation },
]

export const adminPages: readonly SettingsEntry[] = adminGroups.flatMap((group) => group.entries)
