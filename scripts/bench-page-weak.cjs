// Where the page is weakest: scrolling up a long chat, opening one that ends in a long answer, and fast tokens on a slow phone.
const LONG_ANSWER = 36_000
const WHEEL_STEPS = 120
const STEP_MS = 33
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, locale: 'en-US' }
const SLOWED = 4
const at = '2026-11-20T08:00:00.000Z'

/** The answer with other names and numbers, so that no two formulas or blocks of code are the same. */
const varied = (answer, i) => answer.replace(/\bslots?\b/g, `$&${i}`).replaceAll('{2m}', `{${i}m}`).replaceAll('1.2 µs', `1.${i} µs`)

function longAnswer(answer) {
  let text = ''
  for (let i = 0; text.length < LONG_ANSWER; i++) text += `${varied(answer, i)}\n\n`
  return `${text.slice(0, text.lastIndexOf('\n\n', LONG_ANSWER))}\n\nThe end.`
}

/** Chat 3 has 2,000 messages that differ, chat 4 ends in a long answer. */
function fillWeak(state, answer, messages) {
  const chat = (sid, title, contents) => {
    state.sessions.set(sid, { id: sid, title, connectionId: null, model: null, createdAt: at, updatedAt: at, activeRunMessageId: null })
    state.messages.set(sid, contents.map((content, i) => ({
      id: sid * 100_000 + i, sessionId: sid, parentId: i === 0 ? null : sid * 100_000 + i - 1, role: i % 2 === 0 ? 'user' : 'assistant',
      content, status: 'done', createdAt: at, toolCalls: [], images: [],
    })))
  }
  chat(3, 'The varied chat', Array.from({ length: messages }, (_, i) => (i % 2 === 0 ? `Question ${i}` : `${varied(answer, i)}\n\nAnswer ${i}`)))
  chat(4, 'The long answer', ['Hello', 'Hi.', 'Tell all', longAnswer(answer)])
}

const percentile = (values, share) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
const frame = (page) => page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn))))

/** What the main thread did while `act` went on: by the clock, and by its own processor time, which leaves out what else the machine does. */
async function watched(browser, page, act) {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable')
  const metrics = async () => Object.fromEntries((await session.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]))
  await page.evaluate(() => {
    window.seen = { gaps: [], tasks: [] }
    let last = performance.now()
    const tick = (now) => {
      window.seen.gaps.push(now - last)
      last = now
      window.ticking = requestAnimationFrame(tick)
    }
    window.ticking = requestAnimationFrame(tick)
    window.tasks = new PerformanceObserver((list) => window.seen.tasks.push(...list.getEntries().map((one) => one.duration)))
    window.tasks.observe({ type: 'longtask' })
  })
  const before = await metrics()
  await browser.startTracing(page, { categories: ['-*', 'toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline'] })
  await act()
  const trace = JSON.parse((await browser.stopTracing()).toString())
  const after = await metrics()
  const seen = await page.evaluate(() => (cancelAnimationFrame(window.ticking), window.tasks.disconnect(), window.seen))
  await session.send('HeapProfiler.collectGarbage')
  const { Nodes: nodes } = await metrics()
  const elements = await page.evaluate(() => document.querySelectorAll('*').length)
  await session.detach()
  return {
    gaps: seen.gaps.slice(2), tasks: seen.tasks, own: ownTasks(trace.traceEvents), nodes, elements,
    layouts: after.LayoutCount - before.LayoutCount, script: (after.ScriptDuration - before.ScriptDuration) * 1000,
  }
}

/** Processor time of each task of the page's main thread, in ms. */
function ownTasks(events) {
  const main = new Set(events.filter((one) => one.name === 'thread_name' && one.args?.name === 'CrRendererMain').map((one) => `${one.pid}/${one.tid}`))
  return events.filter((one) => one.name === 'RunTask' && one.ph === 'X' && main.has(`${one.pid}/${one.tid}`)).map((one) => (one.tdur ?? one.dur) / 1000)
}

async function newPage(browser, device, slowed) {
  const page = await (await browser.newContext(device)).newPage()
  if (slowed > 1) await (await page.context().newCDPSession(page)).send('Emulation.setCPUThrottlingRate', { rate: slowed })
  return page
}

/** From the click (or the load of the address) to the frame in which the end of the answer stands. */
async function openLong(browser, url, device, slowed) {
  const page = await newPage(browser, device, slowed)
  await page.goto(`${url}/c/2`)
  await page.getByText('Answer 1').waitFor()
  const ms = await page.evaluate(async () => {
    const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
    const began = performance.now()
    history.pushState(null, '', '/c/4')
    dispatchEvent(new PopStateEvent('popstate'))
    const shown = () => {
      const end = [...document.querySelectorAll('article .prose > :last-child')].at(-1)
      return end?.textContent === 'The end.' && getComputedStyle(end).visibility === 'visible' && end.getBoundingClientRect().bottom <= innerHeight
    }
    while (!shown()) await drawn()
    await drawn()
    return performance.now() - began
  })
  await page.context().close()
  return ms
}

/** Wheel steps up at a fast hand's pace. */
async function wheelUp(browser, url, pixels) {
  const page = await newPage(browser, { viewport: { width: 1440, height: 900 }, locale: 'en-US' }, 1)
  await page.goto(`${url}/c/3`)
  await page.getByText('Answer 1999').waitFor()
  await page.locator('.scroller').hover({ position: { x: 20, y: 400 } })
  await frame(page)
  const seen = await watched(browser, page, async () => {
    for (let step = 0; step < WHEEL_STEPS; step++) {
      const began = performance.now()
      await page.mouse.wheel(0, -pixels)
      await new Promise((go) => setTimeout(go, Math.max(0, STEP_MS - (performance.now() - began))))
    }
  })
  await page.context().close()
  return seen
}

/** Frames while 200 chunks a second arrive. */
async function streamOn(browser, fake, device, slowed, answered) {
  const page = await newPage(browser, device, slowed)
  await page.goto(`${fake.url}/c/2`)
  await page.getByText('Answer 1').waitFor()
  const seen = await watched(browser, page, () => {
    // Enter is a new line where one types on glass.
    return answered(page, page.locator('form.composer textarea'), () => page.getByRole('button', { name: 'Send' }).click())
  })
  await page.context().close()
  return seen
}

const over = (values, bound) => values.filter((one) => one > bound).length
const most = (values) => Math.max(0, ...values)

/** Reports rows of what is measured, its value, unit and bound; those without a bound explain the others. */
async function measureWeak(browser, fake, answered, add) {
  // A notch of the wheel, and a fling of a touchpad.
  for (const pixels of [120, 600]) {
    const wheel = await wheelUp(browser, fake.url, pixels)
    const name = `${WHEEL_STEPS} wheel steps of ${pixels} px up`
    add(`${name}: tasks over 100 ms`, over(wheel.tasks, 100), '', 0)
    add(`${name}: p95 frame`, percentile(wheel.gaps, 0.95), 'ms', 33.4)
    add('  longest task by the clock', most(wheel.tasks), 'ms', null)
    add('  longest task by its own processor time', most(wheel.own), 'ms', 100)
    add('  tasks over 50 ms', over(wheel.tasks, 50), '', null)
    add('  elements left in the document', wheel.elements, '', 8000)
    add('  nodes left', wheel.nodes, '', null)
    add('  layouts', wheel.layouts, '', null)
  }
  const desktop = { viewport: { width: 1440, height: 900 }, locale: 'en-US' }
  add('open a chat that ends in 36,000 characters', await openLong(browser, fake.url, desktop, 1), 'ms', 500)
  add(`  on a phone slowed down ${SLOWED} times`, await openLong(browser, fake.url, PHONE, SLOWED), 'ms', 1500)
  const phone = await streamOn(browser, fake, PHONE, SLOWED, answered)
  add('200 chunks/s on that phone: p95 frame', percentile(phone.gaps, 0.95), 'ms', 50.1)
  add('  longest frame', most(phone.gaps), 'ms', null)
  add('  p95 of tasks over 5 ms, own processor time (not slowed)', percentile(phone.own.filter((one) => one > 5), 0.95), 'ms', null)
  add('  processor time of all tasks', phone.own.reduce((sum, one) => sum + one, 0), 'ms', null)
  add('  layouts', phone.layouts, '', null)
}

module.exports = { fillWeak, measureWeak }
