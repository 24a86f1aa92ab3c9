/** The text of an error report: place, browser and stack, without any text of a chat. */
export function reportOf(error: unknown): string {
  return [location.pathname, navigator.userAgent, error instanceof Error ? (error.stack ?? error.message) : String(error)].join('\n')
}
