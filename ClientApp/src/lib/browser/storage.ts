/** A browser's storage that never throws: private windows and full disks must not break the chat. */
const careful = (where: () => Storage) => ({
  read(key: string): string | null {
    try {
      return where().getItem(key)
    } catch {
      return null
    }
  },
  write(key: string, value: string | null): void {
    try {
      if (value === null) where().removeItem(key)
      else where().setItem(key, value)
    } catch {
      // Nothing can be stored: what is on screen still works.
    }
  },
  /** Removes every key that begins so. */
  forget(prefix: string): void {
    try {
      for (const key of Object.keys(where())) if (key.startsWith(prefix)) where().removeItem(key)
    } catch {
      // Nothing was stored.
    }
  },
})

export const storage = careful(() => localStorage)
/** Lives as long as its tab, reloads included. */
export const tabStorage = careful(() => sessionStorage)
