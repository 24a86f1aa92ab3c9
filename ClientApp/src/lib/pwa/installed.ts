import { url } from '../browser/address'

type Policy = { createScriptURL(address: string): string }
type TrustedTypes = { createPolicy(name: string, rules: { createScriptURL: (address: string) => string }): Policy }

// Wait until the page is rendered: a worker that copies files would slow it down on a phone.
const afterMs = 3000

/** The address of the worker, the only script address this page passes to the browser. */
function workerAddress(): string {
  const address = url('sw.js')
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes }
  if (!trustedTypes) return address
  return trustedTypes
    .createPolicy('aichat-worker', { createScriptURL: (wanted) => (wanted === address ? wanted : '') })
    .createScriptURL(address)
}

/**
 * Registers the worker, so that the page opens without a network. Browsers allow that only on https and localhost; elsewhere this does
 * nothing. `onUpdate` is called when a newer version waits, with the function that activates it.
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
    // Without a controller it is the first worker, and this page already is its version.
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
