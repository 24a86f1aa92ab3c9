import type { Session } from '../api/types'

type GroupKey = 'pinned' | 'today' | 'yesterday' | 'week' | 'month' | `${number}-${number}`

export interface SessionGroup {
  key: GroupKey
  sessions: Session[]
}

/** The order of the list, equal to the server's: pinned first, then by last activity. */
export const byActivity = (a: Session, b: Session): number =>
  Number(b.pinned ?? false) - Number(a.pinned ?? false) || b.updatedAt.localeCompare(a.updatedAt) || b.id - a.id

/** Groups chats: pinned ones, then by last activity in the reader's time zone. Keeps the given order. */
export function groupByDate(sessions: readonly Session[], now: Date): SessionGroup[] {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime()
  const day = 86_400_000
  const groups: SessionGroup[] = []
  for (const session of sessions) {
    const at = new Date(session.updatedAt)
    const time = at.getTime()
    const key: GroupKey = session.pinned ? 'pinned'
      : time >= midnight ? 'today'
      : time >= midnight - day ? 'yesterday'
      : time >= midnight - 7 * day ? 'week'
      : time >= midnight - 30 * day ? 'month'
      : `${at.getFullYear()}-${at.getMonth() + 1}`
    const group = groups.find((one) => one.key === key)
    if (group) group.sessions.push(session)
    else groups.push({ key, sessions: [session] })
  }
  return groups
}
