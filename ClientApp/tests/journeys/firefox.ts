import type { Browser, Page, Request } from 'playwright-core'
import { inside, type Progress, type Session } from './inside'

/*
 * Playwright drives an ordinary Firefox by WebDriver BiDi and leaves some things out: colours, reduced motion, fingers, double clicks and
 * the bodies of requests. Firefox has them: as settings, which can be set where the browser's own windows may be scripted (WebDriver
 * offers that to a browser that was started with --remote-allow-system-access), and as commands.
 */

type Setting = [name: string, value: number]
interface Action {
  type: string
  [more: string]: unknown
}
interface Device {
  _session: Session
  waiting?: { actions: Action[]; done: Promise<unknown> } | undefined
}
interface Mouse extends Device {
  move(progress: Progress, x: number, y: number): Promise<unknown>
  down(progress: Progress, x: number, y: number, button: string): Promise<unknown>
  up(progress: Progress, x: number, y: number, button: string): Promise<unknown>
}
interface Touchscreen extends Device {
  tap(progress: Progress, x: number, y: number): Promise<unknown>
}
interface Delegate {
  _session: Session
  rawMouse: Mouse
  rawTouchscreen: Touchscreen
}

const colours = (scheme: string | null | undefined): Setting => [
  'layout.css.prefers-color-scheme.content-override',
  scheme === 'dark' ? 0 : 1,
]
const buttons: Record<string, number> = { left: 0, middle: 1, right: 2 }

/** Launch settings. */
export const firefoxUserPrefs = {
  // The clipboard without its prompt, which nobody could answer.
  'dom.events.testing.asyncClipboard': true,
  // The driver is not told of a page that comes back from memory, so every way back loads it.
  'browser.sessionhistory.max_total_viewers': 0,
}

/** Adds to a browser what its driver leaves out. */
export async function completeFirefox(browser: Browser): Promise<void> {
  const session = inside<{ _browserSession: Session }>(browser)._browserSession
  const windows = (await session.send('browsingContext.getTree', { 'moz:scope': 'chrome' })) as { contexts: { context: string }[] }
  const context = windows.contexts[0]?.context
  if (!context) throw new Error('Firefox shows no window of its own')
  const inBrowser = async (expression: string) => {
    const result = (await session.send('script.evaluate', { expression, target: { context }, awaitPromise: false })) as { type: string }
    if (result.type !== 'success') throw new Error(JSON.stringify(result))
  }
  const set = (...values: Setting[]) =>
    inBrowser(values.map(([name, value]) => `Services.prefs.setIntPref('${name}', ${value})`).join(';'))
  await session.send('network.addDataCollector', { dataTypes: ['request'], maxEncodedDataSize: 1_000_000 })

  // A command of newer Firefoxes, which Playwright always sends: a setting does the same.
  const kind = Object.getPrototypeOf(session) as Session
  const send = kind.send
  kind.send = async function (this: Session, method, params) {
    // The first page is a tab of the window that is there: a window costs twice as much. A second one would hide the first as a tab.
    if (method === 'browsingContext.create' && browser.contexts().every((one) => one.pages().length === 0))
      return send.call(this, method, { ...params, type: 'tab' })
    if (method !== 'emulation.setMediaFeaturesOverride') return send.call(this, method, params)
    await set(colours((params as { features: { 'prefers-color-scheme'?: string | null } }).features['prefers-color-scheme']))
    return {}
  }

  const newContext = browser.newContext.bind(browser)
  browser.newContext = async ({ permissions: _, ...device } = {}) => {
    const pointer = device.hasTouch ? 1 : 6
    await set(
      colours(device.colorScheme),
      ['ui.prefersReducedMotion', device.reducedMotion === 'reduce' ? 1 : 0],
      ['ui.primaryPointerCapabilities', pointer],
      ['ui.allPointerCapabilities', pointer],
      ['ui.useOverlayScrollbars', device.isMobile ? 1 : 0],
    )
    const context = await newContext(device)
    context.grantPermissions = () => Promise.resolve()
    const newPage = context.newPage.bind(context)
    context.newPage = async () => complete(await newPage(), inBrowser)
    return context
  }
}

/** `inBrowser` evaluates an expression in the browser's own window. */
function complete(page: Page, inBrowser: (expression: string) => Promise<void>): Page {
  const { _session: session, rawMouse, rawTouchscreen } = inside<{ delegate: Delegate }>(page).delegate
  Object.assign(rawMouse, {
    move: (progress, x, y) => perform(rawMouse, progress, 'mouse', { type: 'pointerMove', x: Math.floor(x), y: Math.floor(y) }),
    down: (progress, _x, _y, button) => perform(rawMouse, progress, 'mouse', { type: 'pointerDown', button: buttons[button] }),
    up: (progress, _x, _y, button) => perform(rawMouse, progress, 'mouse', { type: 'pointerUp', button: buttons[button] }),
  } satisfies Omit<Mouse, '_session'>)
  rawTouchscreen.tap = (progress, x, y) => {
    void perform(rawTouchscreen, progress, 'touch', { type: 'pointerMove', x: Math.round(x), y: Math.round(y) })
    void perform(rawTouchscreen, progress, 'touch', { type: 'pointerDown', button: 0 })
    return perform(rawTouchscreen, progress, 'touch', { type: 'pointerUp', button: 0 })
  }

  // The medium is none of the features that Playwright sets.
  const emulateMedia = page.emulateMedia.bind(page)
  page.emulateMedia = async ({ media, ...features } = {}) => {
    if (Object.keys(features).length > 0) await emulateMedia(features)
    if (media === undefined) return
    await inBrowser(`for (const { gBrowser } of Services.wm.getEnumerator('navigator:browser'))
      for (const { linkedBrowser: tab } of gBrowser.tabs)
        if (tab.currentURI.spec === ${JSON.stringify(page.url())})
          tab.browsingContext.mediumOverride = '${media === 'print' ? 'print' : ''}'`)
  }

  // Playwright knows a download by its navigation. That of a text which the page made has none.
  for (const event of ['browsingContext.downloadWillBegin', 'browsingContext.downloadEnd'])
    session.prependListener(event, (told: { navigation: string | null; url: string }) => (told.navigation ??= told.url))

  // Playwright's request knows no body here. It is asked for as soon as a journey has the request.
  const ids = new Map<string, string>()
  session.on('network.beforeRequestSent', ({ request }: { request: { request: string; url: string; method: string } }) =>
    ids.set(`${request.method} ${request.url}`, request.request),
  )
  const waitForRequest = page.waitForRequest.bind(page)
  page.waitForRequest = async (...which) => {
    const request: Request = await waitForRequest(...which)
    const data = { dataType: 'request', request: ids.get(`${request.method()} ${request.url()}`) }
    const { bytes } = (await session.send('network.getData', data)) as { bytes: { value: string } }
    request.postDataJSON = () => JSON.parse(bytes.value) as unknown
    return request
  }
  return page
}

/** What comes in one turn goes as one command: only within one does Firefox see two clicks as a double click. */
function perform(device: Device, progress: Progress, pointerType: string, action: Action): Promise<unknown> {
  if (device.waiting) device.waiting.actions.push(action)
  else {
    const actions = [action]
    const done = Promise.resolve().then(() => {
      device.waiting = undefined
      const pointer = { type: 'pointer', id: `pw_${pointerType}`, parameters: { pointerType }, actions }
      return device._session.send('input.performActions', { context: device._session.sessionId, actions: [pointer] })
    })
    device.waiting = { actions, done }
  }
  return progress.race(device.waiting.done)
}
