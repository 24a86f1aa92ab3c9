import { url } from '../browser/address'

type Policy = { createScriptURL(address: string): string }
type TrustedTypes = { createPolicy(name: string, rules: { createScriptURL: (address: string) => string }): Policy }

// What the page opens with is drawn by then: a worker that copies files takes a phone's time from it.
const afterMs = 3000

/** The one script address this page ever hands out: its own worker. */
function workerAddress(): string {
  const address = url('sw.js')
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes }
  if (!trustedTypes) return address
  return trustedTypes.createPolicy('aichat-worker', { createScriptURL: (wanted) => (wanted === address ? wanted : '') }).createScriptURL(address)
}

/**
 * Lets the page open without a network. Browsers allow that only on https and on this machine; elsewhere nothing happens.
 * `onUpdate` is called when a newer version waits, with what puts it in place.
 */
export async function install(onUpdate: (apply: () => void) => void, onOpen: (path: string) => void): Promise<void> {
  const workers = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker
  if (!workers) return
  workers.addEventListener('message', (event: MessageEvent<{ open?: string } | null>) => {
    if (typeof event.data?.open === 'string') onOpen(event.data.open)
  })
  await new Promise((soon) => setTimeout(soon, afterMs))
  const registration = await workers.register(workerAddress())
  const offer = (worker: ServiceWorker | null) => {
    // Without a controller it is the first one, and the page it belongs to is already here.
    if (!worker || !workers.controller) return
    onUpdate(() => {
      workers.addEventListener('controllerchange', () => location.reload(), { once: true })
      worker.postMessage('take-over')
    })
  }
  offer(registration.waiting)
  registration.addEventListener('updatefound', () => {
    const { installing } = registration
    installing?.addEventListener('statechange', () => {
      if (installing.state === 'installed') offer(installing)
    })
  })
}
