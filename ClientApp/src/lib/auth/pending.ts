interface Pending {
  username: string
  password: string
}

let pending: Pending | null = null

/** The account that waits for approval. Kept in memory only: a password is never written to the browser's storage. */
export const pendingAccount = {
  get: () => pending,
  set(account: Pending | null): void {
    pending = account
  },
}
