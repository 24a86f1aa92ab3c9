import type { Component } from 'svelte'
import type { MessageKey } from '../i18n/index.svelte'
import type { IconName } from '../ui/icons'

export interface SettingsEntry {
  path: string
  label: MessageKey
  icon: IconName
  load: () => Promise<{ default: Component }>
}

const system = () => import('../admin/system/SystemPage.svelte')

/** Each page is loaded when it is opened. */
export const personalPages: readonly SettingsEntry[] = [
  { path: '/settings/appearance', label: 'settings.general', icon: 'sun', load: () => import('./AppearancePage.svelte') },
  { path: '/settings/account', label: 'account.title', icon: 'user', load: () => import('../account/AccountPage.svelte') },
  { path: '/settings/password', label: 'settings.security', icon: 'lock', load: () => import('./PasswordPage.svelte') },
  { path: '/settings/devices', label: 'settings.devices', icon: 'device', load: () => import('./DevicesPage.svelte') },
  { path: '/settings/keys', label: 'apikey.pageTitle', icon: 'key', load: () => import('../keys/KeysPage.svelte') },
  { path: '/settings/usage', label: 'usage.title', icon: 'chart', load: () => import('../usage/OwnUsagePage.svelte') },
]

export const adminPages: readonly SettingsEntry[] = [
  { path: '/settings/overview', label: 'usage.allTitle', icon: 'chart', load: () => import('../admin/UsageAllPage.svelte') },
  { path: '/settings/users', label: 'users.title', icon: 'users', load: () => import('../admin/users/UsersPage.svelte') },
  { path: '/settings/connections', label: 'connection.title', icon: 'plug', load: () => import('../admin/ConnectionsPage.svelte') },
  { path: '/settings/models', label: 'models.title', icon: 'star', load: () => import('../admin/models/ModelsPage.svelte') },
  { path: '/settings/system/general', label: 'system.general', icon: 'gear', load: system },
  { path: '/settings/system/limits', label: 'system.limits', icon: 'clock', load: system },
  { path: '/settings/system/reasoning', label: 'system.reasoning', icon: 'tool', load: system },
  { path: '/settings/system/search', label: 'system.search', icon: 'search', load: system },
  { path: '/settings/system/network', label: 'system.network', icon: 'share', load: system },
  { path: '/settings/system/trace', label: 'system.trace', icon: 'eye', load: system },
  { path: '/settings/traces', label: 'trace.title', icon: 'document', load: () => import('../admin/traces/TracesPage.svelte') },
  { path: '/settings/audit', label: 'audit.title', icon: 'select', load: () => import('../admin/AuditPage.svelte') },
  { path: '/settings/about', label: 'about.title', icon: 'info', load: () => import('../admin/AboutPage.svelte') },
]
