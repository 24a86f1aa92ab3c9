import { Problem } from '../api/http'
import type { Refusal } from './drafts'

/** The code of a message of which nobody knows why it was not sent: the page went down meanwhile, or the reason has passed. */
export const unsent = 'unsent'

/** What of a refusal is worth keeping over a reload: not that nobody was reached or signed in, for that is over when the page is back. */
export function keep(problem: Problem): Refusal | null {
  if (problem.status === 0 || problem.status === 401) return null
  return { status: problem.status, code: problem.code, againAt: problem.againAt }
}

/** A kept refusal as it reads now; one that was to pass and has passed says nothing any more. */
export function revive(refusal: Refusal | undefined, now: number): Problem {
  if (!refusal || (refusal.againAt !== null && refusal.againAt <= now)) return new Problem(0, unsent)
  const left = refusal.againAt === null ? null : Math.ceil((refusal.againAt - now) / 1000)
  return new Problem(refusal.status, refusal.code, null, {}, left)
}
