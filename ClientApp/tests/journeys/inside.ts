/*
 * Playwright's own objects behind those of its interface; all are in this process. Reached where the driver of an engine leaves out what
 * the engine can do.
 */
export interface Session {
  sessionId: string
  send(method: string, params: object): Promise<unknown>
  on<T>(event: string, listener: (told: T) => void): void
  /** To be told before Playwright is. */
  prependListener<T>(event: string, listener: (told: T) => void): void
}
export interface Progress {
  race<T>(promise: Promise<T>): Promise<T>
}
export const inside = <T>(outer: object): T => (outer as { _connection: { toImpl(one: object): T } })._connection.toImpl(outer)
