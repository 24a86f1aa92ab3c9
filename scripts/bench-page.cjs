// The measuring half of bench-page: the built page of wwwroot against the stand-in server of the journeys.
const { fillWeak, measureWeak } = require('./bench-page-weak.cjs')
const { CHROMIUM, ONLY } = process.env
const MESSAGES = 2000
const TOKENS = 1200
const OPENINGS = 7
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

/** A long chat with code, tables and formulas in every answer, and a short one to come from. */
function fill(state, answer) {
  const at = '2026-11-20T08:00:00.000Z'
  for (const [sid, count] of [[1, MESSAGES], [2, 2]]) {
    state.sessions.set(sid, { id: sid, title: sid === 1 ? 'The long chat' : 'The short chat', connectionId: null, model: null, createdAt: at, updatedAt: at, activeRunMessageId: null })
    state.messages.set(sid, Array.from({ length: count }, (_, i) => ({
      id: sid * 100_000 + i, sessionId: sid, parentId: i === 0 ? null : sid * 100_000 + i - 1, role: i % 2 === 0 ? 'user' : 'assistant',
      content: i % 2 === 0 ? `Question ${i}` : `${answer}\n\nAnswer ${i}`, status: 'done', createdAt: at, toolCalls: [], images: [],
    })))
  }
}

/** Processor time of the page's main thread so far: unlike the clock it does not count what else the machine does. */
async function mainThread(session) {
  const { metrics } = await session.send('Performance.getMetrics')
  return metrics.find((one) => one.name === 'ThreadTime').value * 1000
}

/** From the click to the frame in which the newest answer stands. */
const opening = (page) => page.evaluate(async () => {
  const link = (title) => [...document.querySelectorAll('nav a')].find((one) => one.textContent.includes(title))
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
  const shown = async (text) => {
    while (![...document.querySelectorAll('article')].at(-1)?.textContent.includes(text)) await frame()
    await frame()
  }
  link('The short chat').click()
  await shown('Answer 1')
  const began = performance.now()
  link('The long chat').click()
  await shown('Answer 1999')
  return performance.now() - began
})

/** Main-thread milliseconds while `act` goes on, with nothing else asked of the page. */
async function cost(page, act) {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable')
  const before = await mainThread(session)
  await act()
  return await mainThread(session) - before
}

/** Frames later than 50 ms and the longest while `act` goes on; counting them makes the page draw every frame. */
async function frames(page, act) {
  await page.evaluate(() => {
    window.gaps = []
    let last = performance.now()
    const tick = (now) => {
      window.gaps.push(now - last)
      last = now
      window.ticking = requestAnimationFrame(tick)
    }
    window.ticking = requestAnimationFrame(tick)
  })
  await act()
  const gaps = await page.evaluate(() => (cancelAnimationFrame(window.ticking), window.gaps.slice(2)))
  return { late: gaps.filter((gap) => gap > 50).length, worst: Math.max(...gaps) }
}

/** From sending to the end of the answer. Told by the page itself: asking it over and over would be measured too. */
async function answered(page, box, send = () => page.keyboard.press('Enter')) {
  await box.fill('Go on')
  const end = page.evaluate(() => new Promise((resolve) => {
    let began = 0
    const observer = new MutationObserver(() => {
      const busy = document.querySelector('article[aria-busy=true]') !== null
      if (busy) began ||= performance.now()
      else if (began > 0) {
        observer.disconnect()
        resolve((performance.now() - began) / 1000)
      }
    })
    observer.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['aria-busy'] })
  }))
  await send()
  return end
}

/** Prints a row; the run fails when its bound is exceeded. */
function report(name, value, unit, bound) {
  const over = bound !== null && value > bound
  if (over) process.exitCode = 1
  const mark = bound === null ? '    ' : over ? 'OVER' : 'ok  '
  console.log(`${mark} ${name.padEnd(58)} ${value.toFixed(unit === '' ? 0 : 2).padStart(9)} ${unit}${bound === null ? '' : ` (bound ${bound})`}`)
}

async function main() {
  const { chromium } = require('../ClientApp/node_modules/playwright-core')
  const { startFake } = await import('../ClientApp/tests/fake/server.mjs')
  const { answer } = await import('../ClientApp/tests/fake/answer.mjs')
  const user = { id: 1, username: 'bench', role: 'ADMIN', status: 'ACTIVE', avatarUrl: null, createdAt: '2026-11-20T08:00:00.000Z' }
  const fake = await startFake({ users: [user], tokenMs: 5 })
  fill(fake.state, answer)
  fillWeak(fake.state, answer, MESSAGES)
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--headless=new', '--no-sandbox', '--disable-gpu'] })
  try {
    fake.state.say = `${answer}\n\n`.repeat(12).slice(0, TOKENS * 5)
    await measureWeak(browser, fake, answered, report)
    if (ONLY === 'weak') return
    fill(fake.state, answer) // the answers that were streamed into the short chat are gone
    const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US' })).newPage()
    await page.goto(`${fake.url}/c/2`)
    await page.getByText('Answer 1').waitFor()
    const openings = []
    const opened = await cost(page, async () => {
      for (let i = 0; i < OPENINGS; i++) openings.push(await opening(page))
    })
    const box = page.locator('form.composer textarea')

    const typing = await frames(page, async () => {
      await box.focus()
      await page.keyboard.type('The quick brown fox jumps over the lazy dog. ', { delay: 25 })
    })
    await box.fill('')
    const pasting = await page.evaluate(async () => {
      const data = new DataTransfer()
      data.setData('text/plain', 'word '.repeat(200_000))
      const began = performance.now()
      document.querySelector('form.composer textarea').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
      return performance.now() - began
    })

    const tokens = Math.ceil(fake.state.say.length / 5)
    let seconds = 0
    const streaming = await cost(page, async () => {
      seconds = await answered(page, box)
    })
    const drawing = await frames(page, () => answered(page, box))

    const rows = [
      [`open a chat of ${MESSAGES} messages, first`, openings[0], 'ms', 300],
      [`open a chat of ${MESSAGES} messages, median of ${OPENINGS}`, median(openings), 'ms', 300],
      ['main thread for opening it and the short one', opened / OPENINGS, 'ms', 300],
      [`main thread per token at ${Math.round(tokens / seconds)} tokens/s`, streaming / tokens, 'ms', 2],
      ['frames later than 50 ms while it streams', drawing.late, '', 5],
      ['longest frame while typing in it', typing.worst, 'ms', 50],
      ['paste of 1,000,000 characters to the next frame', pasting, 'ms', 200],
    ]
    for (const row of rows) report(...row)
  } finally {
    await browser.close()
    fake.close()
  }
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
