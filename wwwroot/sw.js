// Caches the files of the page, so that it opens at once and without a network. Nothing of /api is cached, so no text of a chat is stored.
const name = 'aichat-shell-5SLP_IKw'
const shell = ["./","./assets/theme-Yxozl5hG.js","./assets/index-BjUso4Pf.js","./assets/index-C3mSwSTX.css","./icon.svg"]
const scope = new URL(self.registration.scope).pathname

const isPage = (path) => !/^(api|v1|chat-images|avatars|metrics)(\/|$)/.test(path) && !/\.\w+$/.test(path)
const isFile = (path) => path.startsWith('assets/')

self.addEventListener('install', (event) => {
  // Requests of a closing page get lost in a worker, so writes bypass it in browsers that support routes.
  const written = ['PUT', 'POST', 'PATCH', 'DELETE'].map((requestMethod) => ({ condition: { requestMethod }, source: 'network' }))
  if (event.addRoutes) event.waitUntil(event.addRoutes(written))
  event.waitUntil(caches.open(name).then((cache) => cache.addAll(shell)))
})

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((one) => one.startsWith('aichat-shell-') && one !== name).map((one) => caches.delete(one))))
      .then(() => self.clients.claim()),
  )
})

self.addEventListener('message', (event) => {
  if (event.data === 'take-over') self.skipWaiting()
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  const target = event.notification.data
  event.waitUntil(self.clients.matchAll({ type: 'window' }).then((windows) => {
    const open = windows[0]
    if (!open) return self.clients.openWindow(target)
    open.postMessage({ open: target })
    return open.focus()
  }))
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const address = new URL(request.url)
  if (request.method !== 'GET' || address.origin !== self.location.origin || !address.pathname.startsWith(scope)) return
  const path = address.pathname.slice(scope.length)
  // Prefer the server's page, which may be newer; fall back to the cache when offline.
  const kept = async () => (await caches.match('./')) ?? Response.error()
  if (request.mode === 'navigate' && isPage(path)) event.respondWith(fetch(request).catch(kept))
  else if (isFile(path)) event.respondWith(fileOf(event).catch(() => Response.error()))
})

async function fileOf(event) {
  const { request } = event
  const known = await caches.match(request).catch(() => undefined)
  if (known) return known
  const answer = await fetch(request)
  if (answer.ok) event.waitUntil(keep(request, answer.clone()))
  return answer
}

/** Neither a full disk nor a reader who leaves while the file comes takes the file from the page. */
const keep = (request, answer) =>
  caches.open(name).then((cache) => cache.put(request, answer)).catch(() => undefined)
