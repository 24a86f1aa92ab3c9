/** The currency of the models' prices, and so of costs and budgets. */
const currency = 'USD'

/** An answer often costs a fraction of a cent, so two significant digits are shown, not two decimals. */
export function money(value: number, tag: string): string {
  const small = value !== 0 && Math.abs(value) < 0.01
  return new Intl.NumberFormat(tag, { style: 'currency', currency, ...(small ? { maximumSignificantDigits: 2 } : {}) }).format(value)
}
