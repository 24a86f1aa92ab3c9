import type { Connection, ConnectionInput } from '../api/connections'

/** One extra header in the form. A stored value is never shown; its mask is sent back unless a new value is typed. */
export interface HeaderLine {
  name: string
  value: string
  stored?: string
}

export const headerLines = (connection: Connection | null): readonly HeaderLine[] =>
  Object.entries(connection?.headers ?? {}).map(([name, mask]) => ({ name, value: '', stored: mask }))

/** The secrets to send. Untouched ones are left out, which keeps the stored values. */
export function secretsOf(
  connection: Connection | null,
  kept: readonly string[],
  typed: readonly string[],
  lines: readonly HeaderLine[],
): Pick<ConnectionInput, 'key' | 'keys' | 'headers'> {
  const added = typed.map((key) => key.trim()).filter((key) => key !== '')
  const sent: Pick<ConnectionInput, 'key' | 'keys' | 'headers'> = {}
  const [only] = added
  if (!connection && added.length === 1 && only !== undefined) sent.key = only
  else if (added.length > 0 || kept.length < (connection?.keys?.length ?? 0)) sent.keys = [...kept, ...added]
  const named = lines.filter((line) => line.name.trim() !== '')
  const before = Object.keys(connection?.headers ?? {})
  if (named.length !== before.length || named.some((line) => line.stored === undefined || line.value !== ''))
    sent.headers = Object.fromEntries(
      named.map((line) => [line.name.trim(), line.value === '' && line.stored !== undefined ? line.stored : line.value]),
    )
  return sent
}
