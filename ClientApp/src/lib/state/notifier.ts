import { url } from '../browser/address'
import { storage } from '../browser/storage'

const key = 'aichat.notify'

/** Tells a person who looks elsewhere that an answer is ready; only after they asked for it, on this device. */
export class Notifier {
  /** Browsers offer it only on https and on this machine. */
  get possible(): boolean {
    return isSecureContext && 'Notification' in globalThis && Notification.permission !== 'denied'
  }

  get on(): boolean {
    return this.possible && Notification.permission === 'granted' && storage.read(key) === '1'
  }

  /** False when the person or the browser refuses. */
  async turn(on: boolean): Promise<boolean> {
    if (on && (!this.possible || (await Notification.requestPermission()) !== 'granted')) return false
    storage.write(key, on ? '1' : null)
    return true
  }

  /** The title of the chat and no word of the answer: a locked screen shows it to everybody. */
  async tell(title: string, body: string, path: string): Promise<void> {
    if (!this.on || !document.hidden) return
    const options = { body, icon: url('icons/app-192.png'), tag: path, data: url(path) }
    const registration = await navigator.serviceWorker?.getRegistration()
    if (registration) await registration.showNotification(title, options)
    else new Notification(title, options)
  }
}
