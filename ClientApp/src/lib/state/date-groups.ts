import type { Session } from '../api/types'

export type GroupKey = 'today' | 'yesterday' | 'week' | 'month' | `${number}-${number}`

export interface SessionGroup {
  key: GroupKey
  sessions: Session[]
}

/** Groups by last activity in the reader's own time zone; keeps the order it is given. */
export function groupByDate(sessions: readonly Session[], now: Date): SessionGroup[] {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime()
  const day = 86_400_000
  const groups: SessionGroup[] = []
  for (const session of sessions) {
    const at = new Date(session.updatedAt)
    const time = at.getTime()
    const key: GroupKey = time >= midnight ? 'today'
      : time >= midnight - day ? 'yesterday'
      : time >= midnight - 7 * day ? 'week'
      : time >= midnight - 30 * day ? 'month'
      : `${at.getFullYear()}-${at.getMonth() + 1}`
    const last = groups.at(-1)
    if (last?.key === key) last.sessions.push(session)
    else groups.push({ key, sessions: [session] })
  }
  return groups
}
