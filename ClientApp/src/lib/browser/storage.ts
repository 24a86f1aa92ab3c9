/** Browser storage that never throws: private windows and full disks must not break the chat. */
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
      // Storage is unavailable; the page works without it.
    }
  },
  /** Removes every key with this prefix. */
  forget(prefix: string): void {
    try {
      for (const key of Object.keys(where())) if (key.startsWith(prefix)) where().removeItem(key)
    } catch {
      // Storage is unavailable, so there is nothing to remove.
    }
  },
})

export const storage = careful(() => localStorage)
/** Lives as long as its tab and survives reloads. */
export const tabStorage = careful(() => sessionStorage)
