import { url } from '../browser/address'
import { storage } from '../browser/storage'

const key = 'aichat.notify'

/** Notifies a person who is not looking at the page that an answer is ready. Opt-in, per device. */
export class Notifier {
  /** Browsers offer notifications only on https and localhost. */
  get possible(): boolean {
    return isSecureContext && 'Notification' in globalThis && Notification.permission !== 'denied'
  }

  get on(): boolean {
    return this.possible && Notification.permission === 'granted' && storage.read(key) === '1'
  }

  /** Switches notifications; false when the person or the browser refuses. */
  async turn(on: boolean): Promise<boolean> {
    if (on && (!this.possible || (await Notification.requestPermission()) !== 'granted')) return false
    storage.write(key, on ? '1' : null)
    return true
  }

  /** Shows the title of the chat but nothing of the answer, because a locked screen is visible to others. */
  async tell(title: string, body: string, path: string): Promise<void> {
    if (!this.on || !document.hidden) return
    const options = { body, icon: url('icons/app-192.png'), tag: path, data: url(path) }
    // Firefox refuses to say where it keeps nothing of a site: in private windows, or when it forgets all on closing.
    const registration = await navigator.serviceWorker?.getRegistration().catch(() => undefined)
    if (registration) await registration.showNotification(title, options)
    else new Notification(title, options)
  }
}
