import { chromium, firefox, type Browser } from 'playwright-core'
import { it, type TestFunction } from 'vitest'
import { completeFirefox, firefoxUserPrefs } from './firefox'
import { launchWebKit } from './webkit'

const engines = ['chromium', 'firefox', 'webkit'] as const
export type Engine = (typeof engines)[number]

/** The engine that this run drives: ENGINE, or Chromium. */
export const engine = ((): Engine => {
  const named = process.env['ENGINE'] || 'chromium'
  const known = engines.find((one) => one === named)
  if (!known) throw new Error(`ENGINE=${named}: there are ${engines.join(', ')}`)
  return known
})()

/** Whether all of the page stands still while a sandboxed frame works: the engine gives it no thread of its own. */
export const framesStopThePage = engine !== 'chromium'

/** What the driver of an engine cannot do, whatever the page does. */
const lacking: Record<Engine, Partial<Record<Ability, string>>> = {
  chromium: {},
  firefox: {
    'axe on the sheet of keys': 'axe-core ends the process of a Firefox 153 page that shows it',
    'axe on the way': 'after axe-core the driver of a Firefox 153 finds nothing in a dialog, or the browser ends',
    'paste by script': 'a ClipboardEvent made by script carries nothing',
    'body at once': 'the driver gives the body of a request only later',
    'held load': 'the driver sees no navigation before the page’s scripts have loaded',
  },
  webkit: {
    'late routes': 'the inspector sees no request that a service worker takes up',
    'pictures in the clipboard': 'WebKitGTK hands pages an empty clipboard where there is a picture',
    'coarse pointer': 'WebKitGTK takes its pointer from the screen',
  },
}
export type Ability =
  | 'axe on the sheet of keys'
  | 'axe on the way'
  | 'body at once'
  | 'coarse pointer'
  | 'held load'
  | 'late routes'
  | 'paste by script'
  | 'pictures in the clipboard'

/** Why the driver of this engine cannot do it; undefined where it can. */
export const lacks = (ability: Ability): string | undefined => lacking[engine][ability]

/** `it` for a journey that needs something of the driver. Where it is missing, the journey is skipped and its name says why. */
export function needs(...abilities: Ability[]): (name: string, journey: TestFunction, timeout?: number) => void {
  const missing = abilities.map(lacks).filter((one) => one !== undefined)
  if (missing.length === 0) return (name, journey, timeout) => it(name, journey, timeout)
  return (name) => it.skip(`${name} [left out in ${engine}: ${missing.join('; ')}]`)
}

const start: Record<Engine, () => Promise<Browser>> = {
  // The headless shell opens a page for a third of the processor time that the whole browser takes. It gives sandboxed frames a process
  // of their own, as the browser does by itself, when it is told to.
  chromium: () =>
    chromium.launch({
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium-headless-shell',
      args: ['--headless=new', '--site-per-process', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    }),
  firefox: async () => {
    const browser = await firefox.launch({
      channel: 'moz-firefox', // the ordinary Firefox, by WebDriver BiDi
      executablePath: process.env['FIREFOX'] ?? '/usr/bin/firefox-esr',
      args: ['--remote-allow-system-access'],
      firefoxUserPrefs,
    })
    await completeFirefox(browser)
    return browser
  },
  webkit: launchWebKit,
}

/**
 * All files of a run share one browser: a start costs seconds. A file's close() closes what it left open. After a browser that ended in
 * the middle of a file, the next file starts another.
 */
const shared = globalThis as { aichatBrowser?: Promise<Browser> }
export function launch(): Promise<Browser> {
  shared.aichatBrowser ??= start[engine]().then((browser) => {
    browser.close = async () => {
      await Promise.all(browser.contexts().map((context) => context.close()))
    }
    // WebKit's is none of Playwright's, and each of its windows is a process of its own.
    if (engine !== 'webkit') browser.on('disconnected', () => delete shared.aichatBrowser)
    return browser
  })
  return shared.aichatBrowser
}
