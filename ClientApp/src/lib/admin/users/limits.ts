import type { ManagedUser, Used, UserLimits } from '../../api/admin'
import type { SystemSettings } from '../../api/system'
import type { I18n } from '../../i18n/index.svelte'
import { money } from '../../usage/money'

/** The limits of an account in display order, each with the setting of its default and its field in the usage. */
export const limits = {
  dailyLimit: { setting: 'defaultUserDailyQuota', used: 'messages', kind: 'count', span: 'day' },
  dailyTokenBudget: { setting: 'defaultDailyTokenBudget', used: 'dayTokens', kind: 'count', span: 'day' },
  monthlyTokenBudget: { setting: 'defaultMonthlyTokenBudget', used: 'monthTokens', kind: 'count', span: 'month' },
  dailyMoneyBudget: { setting: 'defaultDailyMoneyBudget', used: 'dayMoney', kind: 'money', span: 'day' },
  monthlyMoneyBudget: { setting: 'defaultMonthlyMoneyBudget', used: 'monthMoney', kind: 'money', span: 'month' },
} as const
export type LimitName = keyof typeof limits
export const limitNames = Object.keys(limits) as LimitName[]

/** The input for a limit: a number, empty for the default, or `none` for no limit. */
export interface TypedLimit {
  text: string
  none: boolean
}

/** Describes limits that differ from the defaults; empty when none does. */
export function limitsOf(user: UserLimits, i18n: Pick<I18n, 't' | 'number'>): string {
  const parts: string[] = []
  if (user.unlimited) parts.push(i18n.t('users.unlimited'))
  else if (user.dailyLimit != null) parts.push(i18n.t('users.perDay', { n: user.dailyLimit }))
  const budgets = [user.dailyTokenBudget, user.monthlyTokenBudget, user.dailyMoneyBudget, user.monthlyMoneyBudget]
  if (budgets.some((budget) => budget != null)) parts.push(i18n.t('users.ownBudgets'))
  return parts.join(' · ')
}

export function typedLimits(user: UserLimits | null): Record<LimitName, TypedLimit> {
  const typed = (value: number | null | undefined, none = value === -1): TypedLimit => ({
    none,
    text: value == null || none ? '' : String(value),
  })
  return {
    dailyLimit: typed(user?.dailyLimit, user?.unlimited ?? false),
    dailyTokenBudget: typed(user?.dailyTokenBudget),
    monthlyTokenBudget: typed(user?.monthlyTokenBudget),
    dailyMoneyBudget: typed(user?.dailyMoneyBudget),
    monthlyMoneyBudget: typed(user?.monthlyMoneyBudget),
  }
}

/** Null is the default and -1 no limit; undefined means the input is invalid. */
export function readLimit({ text, none }: TypedLimit, whole: boolean): number | null | undefined {
  if (none) return -1
  const typed = text.trim()
  if (typed === '') return null
  const value = Number(typed)
  return Number.isFinite(value) && value >= 0 && (!whole || Number.isInteger(value)) ? value : undefined
}

/** "Default: 200 · 12 used today", with the parts that are known. */
export function aboutLimit(
  name: LimitName,
  defaults: SystemSettings | null,
  used: Used | null,
  i18n: Pick<I18n, 't' | 'number' | 'tag'>,
  isAdmin = false,
): string {
  const { setting, used: part, kind, span } = limits[name]
  const format = (value: number) => (kind === 'money' ? money(value, i18n.tag) : i18n.number(value))
  // The default of messages is not for administrators.
  const byDefault = defaults && isAdmin && name === 'dailyLimit' ? -1 : defaults?.[setting]
  return [
    typeof byDefault === 'number'
      ? i18n.t('users.limitDefault', { limit: byDefault === -1 ? i18n.t('users.noLimit') : format(byDefault) })
      : '',
    used ? i18n.t(span === 'day' ? 'users.usedToday' : 'users.usedMonth', { used: format(used[part]) }) : '',
  ].filter((one) => one !== '').join(' · ')
}

export const isMoney = (name: LimitName): boolean => limits[name].kind === 'money'

/** The limits to send; null when any input is invalid. */
export function toLimits(typed: Record<LimitName, TypedLimit>): Pick<ManagedUser, LimitName | 'unlimited'> | null {
  const read = Object.fromEntries(limitNames.map((name) => [name, readLimit(typed[name], !isMoney(name))])) as Record<
    LimitName,
    number | null | undefined
  >
  if (Object.values(read).some((value) => value === undefined)) return null
  const { dailyLimit, ...budgets } = read as Record<LimitName, number | null>
  return { ...budgets, dailyLimit: dailyLimit === -1 ? null : dailyLimit, unlimited: dailyLimit === -1 }
}
