import type { UserLimits } from '../../api/admin'
import type { I18n } from '../../i18n/index.svelte'

/** What is special about this account's limits; empty when it has the defaults. */
export function limitsOf(user: UserLimits, i18n: Pick<I18n, 't' | 'number'>): string {
  const parts: string[] = []
  if (user.unlimited) parts.push(i18n.t('users.unlimited'))
  else if (user.dailyLimit !== null) parts.push(i18n.t('users.perDay', { n: user.dailyLimit }))
  const budgets = [user.dailyTokenBudget, user.monthlyTokenBudget, user.dailyMoneyBudget, user.monthlyMoneyBudget]
  if (budgets.some((budget) => budget != null)) parts.push(i18n.t('users.ownBudgets'))
  return parts.join(' · ')
}

/** What a limit's field holds: empty is the server's default, "-" none at all. */
export const showLimit = (value: number | null | undefined): string => (value == null ? '' : value === -1 ? '-' : String(value))

/** Undefined: not a limit. */
export function readLimit(text: string, whole: boolean): number | null | undefined {
  const typed = text.trim()
  if (typed === '') return null
  if (typed === '-') return -1
  const value = Number(typed)
  return Number.isFinite(value) && value >= 0 && (!whole || Number.isInteger(value)) ? value : undefined
}
