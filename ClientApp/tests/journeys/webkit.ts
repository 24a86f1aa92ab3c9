import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { createReadStream } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as listenAnywhere, type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { webkit, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { inside, type Progress, type Session } from './inside'

/*
 * WebKitGTK as Debian ships it. Playwright can drive any WebKit through its inspector (it is made for Safari on a phone) but expects
 * somebody else to open the windows and leaves mouse and keyboard to events made by script. Here webkit_windows.py opens the windows and
 * gives them events like those of devices; everything else is Playwright's own.
 */

type Device = NonNullable<Parameters<Browser['newContext']>[0]>
type Modifiers = Set<string>
interface Keyboard {
  keydown(progress: Progress, modifiers: Modifiers, name: string, key: { key: string }, again: boolean): Promise<void>
  keyup(progress: Progress, modifiers: Modifiers, name: string, key: { key: string }): Promise<void>
}
interface Mouse {
  move(progress: Progress, x: number, y: number, button: string, buttons: Set<string>, modifiers: Modifiers): Promise<void>
  down(progress: Progress, x: number, y: number, button: string, buttons: Set<string>, modifiers: Modifiers, count: number): Promise<void>
  up(progress: Progress, x: number, y: number, button: string, buttons: Set<string>, modifiers: Modifiers, count: number): Promise<void>
  wheel(progress: Progress, x: number, y: number, buttons: Set<string>, modifiers: Modifiers, dx: number, dy: number): Promise<void>
}
interface Delegate {
  _session: Session
  rawKeyboard: Keyboard
  rawMouse: Mouse
  updateEmulatedViewportSize(): Promise<void>
}
interface InnerPage {
  delegate: Delegate
  emulatedSize(): { viewport: { width: number; height: number } } | undefined
}

/** What a page has downloaded. */
interface Saved {
  download: string
  name: string
  path: string
}

/** The program with the windows. */
class Windows {
  /** Told `download` with what a page has downloaded. */
  readonly events = new EventEmitter<{ download: [Saved] }>()
  private last = 0
  private readonly waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
  private constructor(
    private readonly program: ChildProcessByStdio<Writable, Readable, null>,
    readonly inspector: string,
  ) {
    program.once('exit', (code) => this.waiting.forEach(({ reject }) => reject(new Error(`the windows ended with ${code}`))))
  }

  static async open(): Promise<Windows> {
    const port = await freePort()
    const inspector = `127.0.0.1:${port}`
    const program = spawn('/usr/bin/python3', [fileURLToPath(new URL('./webkit_windows.py', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {
        ...process.env,
        GDK_BACKEND: 'x11',
        GTK_IM_MODULE: 'gtk-im-context-simple',
        LIBGL_ALWAYS_SOFTWARE: '1',
        NO_AT_BRIDGE: '1',
        WEBKIT_DISABLE_DMABUF_RENDERER: '1',
        WEBKIT_INSPECTOR_HTTP_SERVER: inspector,
      },
    })
    const windows = new Windows(program, inspector)
    await new Promise<void>((resolve, reject) => {
      program.once('error', reject)
      program.once('exit', (code) => reject(new Error(`the windows ended with ${code}`)))
      createInterface({ input: program.stdout }).on('line', (line) => {
        const told = JSON.parse(line) as { id?: number; error?: string } | Saved
        if ('download' in told) return void windows.events.emit('download', told)
        if (told.id === undefined) return resolve() // its first line says that it is ready
        const waits = windows.waiting.get(told.id)
        windows.waiting.delete(told.id)
        if (told.error) waits?.reject(new Error(told.error))
        else waits?.resolve()
      })
    })
    return windows
  }

  ask(what: Record<string, unknown> & { do: string }): Promise<void> {
    const id = ++this.last
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.program.stdin.write(JSON.stringify({ id, ...what }) + '\n')
    })
  }

  /** Where the inspector of a new page listens. */
  async socket(page: string): Promise<string> {
    for (;;) {
      const list = await (await fetch(`http://${this.inspector}/`)).text()
      const path = new RegExp(`about:blank#${page.replace('.', '\\.')}<[\\s\\S]*?'(/socket/[^']*)'`).exec(list)?.[1]
      if (path) return `ws://${this.inspector}${path}`
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  close(): void {
    this.program.stdin.end() // it ends by itself then, as it does when this process is gone
  }
}

async function freePort(): Promise<number> {
  const server = listenAnywhere()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export async function launchWebKit(): Promise<Browser> {
  const windows = await Windows.open()
  let count = 0
  const open = new Set<BrowserContext>()
  const browser = {
    newContext: async (device?: Device) => {
      const context = await newContext(windows, `c${++count}`, device ?? {})
      open.add(context)
      const close = context.close
      context.close = async () => {
        if (open.delete(context)) await close()
      }
      return context
    },
    contexts: () => [...open],
    close: () => Promise.resolve(windows.close()),
  }
  return browser as unknown as Browser
}

async function newContext(windows: Windows, name: string, device: Device): Promise<BrowserContext> {
  const viewport = device.viewport ?? { width: 1280, height: 720 }
  await windows.ask({ do: 'context', context: name, locale: device.locale ?? 'en-US' })
  const tabs: { webSocketDebuggerUrl: string }[] = []
  const openTab = async () => {
    const page = `${name}.${tabs.length}`
    await windows.ask({ do: 'page', context: name, page, ...viewport })
    tabs.push({ webSocketDebuggerUrl: await windows.socket(page) })
    return page
  }
  let window = await openTab()
  // Playwright reads there which pages are open.
  const list: Server = createServer((_request, response) => response.end(JSON.stringify(tabs)))
  await new Promise<void>((resolve) => list.listen(0, '127.0.0.1', resolve))
  const connection = await webkit.connectOverCDP(`http://127.0.0.1:${(list.address() as AddressInfo).port}`)
  const [context] = connection.contexts()
  if (!context) throw new Error('WebKit shows no page')
  const inner = inside<{ _options: Device; doUpdateOffline(): Promise<void> }>(context)
  Object.assign(inner._options, { hasTouch: device.hasTouch, isMobile: device.isMobile, viewport })
  inner.doUpdateOffline = async () => {
    const on = !!inner._options.offline
    await windows.ask({ do: 'offline', context: name, on })
    for (const page of context.pages())
      await page.evaluate((off) => {
        Object.defineProperty(navigator, 'onLine', { configurable: true, get: () => !off })
        dispatchEvent(new Event(off ? 'offline' : 'online'))
      }, on)
  }
  const sync = () => inside<{ _syncTabs(): Promise<void> }>(connection)._syncTabs()
  let first = true // one came with the connection
  const openPage = async () => {
    let page = first ? context.pages()[0] : undefined
    first = false
    if (!page) {
      window = await openTab()
      const told = context.waitForEvent('page')
      await sync()
      page = await told
    }
    complete(windows, window, page)
    const { colorScheme, reducedMotion } = device
    await page.emulateMedia({ ...(colorScheme && { colorScheme }), ...(reducedMotion && { reducedMotion }) })
    await page.setViewportSize(viewport)
    return page
  }
  let last: Promise<unknown> = Promise.resolve()
  context.newPage = () => {
    const page = last.then(openPage) // one after the other, to know which is new
    last = page.catch(() => undefined)
    return page
  }
  context.grantPermissions = () => Promise.resolve()
  context.close = async () => {
    await connection.close()
    await new Promise((resolve) => list.close(resolve))
    await windows.ask({ do: 'end', context: name })
  }
  return context
}

/** Gives a page what its driver leaves to others: devices and a size. */
function complete(windows: Windows, window: string, page: Page): void {
  const inner = inside<InnerPage>(page)
  const { delegate } = inner
  // The answer to a command that is sent after an event comes when the page has seen the event.
  const give = async (progress: Progress, event: Record<string, unknown> & { do: string }) => {
    await progress.race(windows.ask({ page: window, ...event }))
    await progress.race(delegate._session.send('Runtime.evaluate', { expression: '0', returnByValue: true }).catch(() => undefined))
  }
  Object.assign(delegate.rawMouse, {
    move: (progress, x, y, _, buttons, modifiers) =>
      give(progress, { do: 'mouse', type: 'move', x, y, buttons: [...buttons], modifiers: [...modifiers] }),
    down: (progress, x, y, button, _, modifiers, count) =>
      give(progress, { do: 'mouse', type: 'down', x, y, button, modifiers: [...modifiers], count }),
    up: (progress, x, y, button, _, modifiers, count) =>
      give(progress, { do: 'mouse', type: 'up', x, y, button, modifiers: [...modifiers], count }),
    wheel: (progress, x, y, _, modifiers, dx, dy) =>
      give(progress, { do: 'mouse', type: 'wheel', x, y, dx, dy, modifiers: [...modifiers] }),
  } satisfies Mouse)
  Object.assign(delegate.rawKeyboard, {
    keydown: (progress, modifiers, _, { key }) => give(progress, { do: 'key', type: 'down', key, modifiers: [...modifiers] }),
    keyup: (progress, modifiers, _, { key }) => give(progress, { do: 'key', type: 'up', key, modifiers: [...modifiers] }),
  } satisfies Keyboard)
  // The inspector tells of no downloads, the windows do.
  const waitForEvent = page.waitForEvent.bind(page) as (name: string, options?: unknown) => Promise<unknown>
  Object.assign(page, {
    waitForEvent: (name: string, options?: unknown) =>
      name !== 'download'
        ? waitForEvent(name, options)
        : new Promise((resolve) => {
            const hear = ({ download, name: suggested, path }: Saved) => {
              if (download !== window) return
              windows.events.off('download', hear)
              resolve({ suggestedFilename: () => suggested, path: () => path, createReadStream: () => createReadStream(path) })
            }
            windows.events.on('download', hear)
          }),
  })
  // The inspector sees no request that a service worker takes up, so a page with routes has none.
  const route = page.route.bind(page)
  page.route = async (...args) => {
    await page.addInitScript(() => {
      navigator.serviceWorker.register = () => new Promise(() => undefined)
    })
    return route(...args)
  }
  // A page with an opener policy moves to a process of its own while it loads, which the driver takes for the end of that.
  const goto = page.goto.bind(page)
  page.goto = async (url, options) => {
    try {
      return await goto(url, options)
    } catch (error) {
      if (!String(error).includes('maybe frame was detached')) throw error
      await page.waitForURL(url)
      return null
    }
  }
  delegate.updateEmulatedViewportSize = async () => {
    const size = inner.emulatedSize()
    if (!size) return
    await windows.ask({ do: 'size', page: window, ...size.viewport })
    await page.waitForFunction(({ width, height }) => innerWidth === width && innerHeight === height, size.viewport)
  }
}
