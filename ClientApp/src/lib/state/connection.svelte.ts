/** Whether the browser has a network. */
export class Connection {
  #online = $state(navigator.onLine)

  constructor() {
    addEventListener('online', () => (this.#online = true))
    addEventListener('offline', () => (this.#online = false))
  }

  get online(): boolean {
    return this.#online
  }
}
