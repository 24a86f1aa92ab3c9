/** What helps to find a fault, and nothing that was written in a chat. */
export function reportOf(error: unknown): string {
  return [location.pathname, navigator.userAgent, error instanceof Error ? (error.stack ?? error.message) : String(error)].join('\n')
}
