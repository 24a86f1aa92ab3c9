import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Message } from '../../src/lib/api/types'
import { launch, visit, type Visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

/** As it will be where the language of the interface is written from the right. */
async function fromTheRight(v: Visit): Promise<void> {
  await v.page.addInitScript(() => {
    if (document.documentElement) document.documentElement.dir = 'rtl'
  })
  await v.page.goto(v.fake.url)
  await v.page.evaluate(() => { document.documentElement.dir = 'rtl' })
  await v.page.getByRole('heading', { name: /Hello lin/ }).waitFor()
}

const box = async (page: Page, selector: string) => {
  const place = await page.locator(selector).first().boundingBox()
  if (!place) throw new Error(`${selector} is not shown`)
  return { ...place, right: place.x + place.width }
}
const overflow = (page: Page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement
    return scrollWidth - clientWidth
  })

it('keeps the list, its menus and panels within a window that is read from the right', async () => {
  const v = await visit(browser, { chats: 4 })
  const { page } = v
  await fromTheRight(v)
  const list = await box(page, 'nav')
  expect(list.right).toBe(1280)
  expect((await box(page, 'main')).right).toBeLessThanOrEqual(list.x + 1)

  // The menu of a row stands at the row's end, which is its left, and opens within the window.
  const row = page.getByRole('navigation').getByRole('link', { name: 'Notes on topic 1' })
  await row.hover()
  const actions = await page.getByRole('button', { name: 'Actions for “Notes on topic 1”' }).boundingBox()
  expect(actions?.x).toBeLessThan((await row.boundingBox())?.x ?? 0)
  await page.getByRole('button', { name: 'Actions for “Notes on topic 1”' }).click()
  const menu = await box(page, '[role=menu]')
  expect(menu.x).toBeGreaterThanOrEqual(0)
  expect(menu.right).toBeLessThanOrEqual(1280)
  await page.keyboard.press('Escape')
  await page.getByRole('menu').waitFor({ state: 'detached' })

  // By keys: the arrow that points to the end of the row reaches its menu, the other one goes back.
  await row.focus()
  await page.keyboard.press('ArrowLeft')
  expect(await page.evaluate(() => document.activeElement?.className)).toContain('row-menu')
  await page.keyboard.press('ArrowRight')
  expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('Notes on topic 1')

  for (const [name, role] of [[/Choose a model/, 'dialog'], ['Options', 'dialog']] as const) {
    await page.getByRole('button', { name }).first().click()
    const layer = await page.getByRole(role).first().boundingBox()
    expect(layer?.x, String(name)).toBeGreaterThanOrEqual(0)
    expect((layer?.x ?? 0) + (layer?.width ?? 0), String(name)).toBeLessThanOrEqual(1280)
    await page.keyboard.press('Escape')
    await page.getByRole(role).waitFor({ state: 'detached' })
  }
  expect(await overflow(page)).toBeLessThanOrEqual(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('lets the drawer of a phone come from the right there, and go again', async () => {
  const v = await visit(browser, { chats: 4 }, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
  const { page } = v
  await fromTheRight(v)
  expect(await overflow(page)).toBeLessThanOrEqual(0)
  await page.getByRole('button', { name: 'Show the chat list' }).click()
  await expect.poll(async () => Math.round((await box(page, '.drawer')).right)).toBe(390)
  expect((await box(page, '.drawer')).x).toBeGreaterThan(0)
  await page.getByRole('navigation').getByRole('link', { name: 'Notes on topic 1' }).waitFor()
  // A swipe to the left, where it did not come from, leaves it; one to the right takes it away.
  const swipe = (from: number, to: number) =>
    page.locator('.drawer').evaluate(
      (drawer, [start, end]) => {
        const told = (type: string, x: number) =>
          Object.assign(new Event(type, { bubbles: true }), { touches: [{ clientX: x }], changedTouches: [{ clientX: x }] })
        drawer.dispatchEvent(told('touchstart', start))
        drawer.dispatchEvent(told('touchend', end))
      },
      [from, to] as const,
    )
  await swipe(300, 200)
  expect(await page.locator('.drawer').getAttribute('inert')).toBeNull()
  await swipe(200, 300)
  await page.locator('.drawer[inert]').waitFor({ state: 'attached' })
  await expect.poll(async () => (await page.locator('.drawer').boundingBox())?.x ?? 390).toBeGreaterThanOrEqual(390)
  expect(await overflow(page)).toBeLessThanOrEqual(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('keeps open what was opened in a turn while the turn is away', async () => {
  const v = await visit(browser, { chats: 1 })
  const { page } = v
  const [sid = 0] = [...v.fake.state.sessions.keys()]
  const code = `\`\`\`js\n${'let a = 1\n'.repeat(40)}\`\`\``
  const told = `<details><summary>The reason</summary>\n\nIt is folded.\n\n</details>\n\n${code}\n\nRead on.`
  v.fake.state.messages.set(sid, Array.from({ length: 60 }, (_, i): Message => ({
    id: sid * 1000 + i, sessionId: sid, parentId: i === 0 ? null : sid * 1000 + i - 1, role: i % 2 === 0 ? 'user' : 'assistant',
    content: i === 59 ? told : i % 2 === 0 ? `Question ${i}` : 'A paragraph of some length.\n\n'.repeat(14),
    status: 'done', createdAt: '2026-11-20T08:00:00.000Z', images: [],
    toolCalls: i === 59 ? [{ id: 't1', name: 'look_up', arguments: '{"a":1}', status: 'succeeded', result: 'It was found.' }] : [],
    ...(i === 59 ? { reasoning: 'A thought about it.', reasoningMs: 900 } : {}),
  })))
  await page.goto(`${v.fake.url}/c/${sid}`)
  await page.getByText('Read on.').waitFor()
  await page.getByText('The reason').click()
  await page.getByText('look_up').click()
  await page.getByRole('button', { name: /Thought/ }).click()
  await page.getByRole('button', { name: 'Show all' }).click()
  const open = async () => {
    await page.getByText('It is folded.').waitFor()
    await page.getByText('It was found.').waitFor()
    await page.getByText('A thought about it.').waitFor()
    await page.getByRole('button', { name: 'Show less' }).waitFor()
  }
  await open()
  // What has the focus stays.
  await page.getByRole('textbox', { name: 'Write a message' }).focus()
  await page.locator('.scroller').hover({ position: { x: 20, y: 300 } })
  await expect.poll(async () => {
    await page.mouse.wheel(0, -900)
    return page.getByText('Read on.').count()
  }).toBe(0)
  await page.getByRole('button', { name: 'Jump to latest' }).click()
  await page.getByText('Read on.').waitFor()
  await open()
  expect(v.complaints).toEqual([])
  await v.end()
})
