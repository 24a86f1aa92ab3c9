import { Problem } from '../api/http'
import type { Refusal } from './drafts'

/** The code of an unsent message without a known reason: the page closed while sending, or the reason has passed. */
export const unsent = 'unsent'

/** The part of a refusal to store over a reload. Being offline or signed out is not stored, because it no longer holds after a reload. */
export function keep(problem: Problem): Refusal | null {
  if (problem.status === 0 || problem.status === 401) return null
  return { status: problem.status, code: problem.code, againAt: problem.againAt }
}

/** The problem of a stored refusal. A temporary one whose time has passed becomes `unsent`. */
export function revive(refusal: Refusal | undefined, now: number): Problem {
  if (!refusal || (refusal.againAt !== null && refusal.againAt <= now)) return new Problem(0, unsent)
  const left = refusal.againAt === null ? null : Math.ceil((refusal.againAt - now) / 1000)
  return new Problem(refusal.status, refusal.code, null, {}, left)
}
