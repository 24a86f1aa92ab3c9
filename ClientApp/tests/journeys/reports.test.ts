import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Message } from '../../src/lib/api/types'
import { launch, visit, type Visit } from './browser'

// What people reported of other chat pages, each tried here.

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const box = (page: Page) => page.getByRole('textbox', { name: /^Write (a|the next) message$/ })

/** A picture that the browser itself makes. */
async function picture({ page }: Visit): Promise<Buffer> {
  const bytes = await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 40, height: 20 })
    canvas.getContext('2d')?.fillRect(0, 0, 20, 20)
    const blob = await new Promise<Blob | null>((made) => canvas.toBlob(made))
    return [...new Uint8Array((await blob?.arrayBuffer()) ?? new ArrayBuffer(0))]
  })
  return Buffer.from(bytes)
}

// open-webui#29760
it('keeps text, picture and model that were chosen while an answer was written, also in a chat that began on the first page', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  const { page } = v
  v.fake.state.connections.push({
    id: 5, name: 'Workstation', provider: 'openai', baseUrl: 'http://127.0.0.1:9/v1', authType: 'none', enabled: true,
  })
  const chosen = page.getByRole('button', { name: /Choose a model/ })
  await page.goto(v.fake.url)
  await box(page).waitFor()
  v.fake.state.hold = true
  await box(page).fill('Explain hash tables')
  await page.keyboard.press('Enter')
  await page.locator('article[aria-busy=true]').waitFor()
  await page.waitForURL(/\/c\/\d+$/)
  await box(page).fill('And then compare them to trees')
  await page.locator('input[type=file]').first().setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: await picture(v) })
  const added = page.getByRole('list', { name: 'Added to the message' }).getByRole('img')
  await added.waitFor()
  await expect.poll(() => v.fake.state.images.size).toBe(1)
  await chosen.click()
  await page.getByRole('option', { name: /gpt-large/ }).first().click()
  await expect.poll(() => chosen.textContent()).toContain('gpt-large')
  await page.reload()
  await page.locator('article[aria-busy=true]').waitFor()
  await expect.poll(() => box(page).inputValue()).toBe('And then compare them to trees')
  await added.waitFor()
  await expect.poll(() => chosen.textContent()).toContain('gpt-large')
  v.fake.state.hold = false
  await page.getByRole('link', { name: 'the article' }).waitFor()
  expect(await box(page).inputValue()).toBe('And then compare them to trees')
  expect(v.complaints).toEqual([])
  await v.end()
})

// NextChat#4255
it('leaves the text that is read where it is while a long message is written and emptied', async () => {
  const v = await visit(browser, { chats: 1 })
  const { page } = v
  const [sid = 0] = [...v.fake.state.sessions.keys()]
  v.fake.state.messages.set(sid, Array.from({ length: 40 }, (_, i): Message => ({
    id: sid * 1000 + i, sessionId: sid, parentId: i === 0 ? null : sid * 1000 + i - 1, role: i % 2 === 0 ? 'user' : 'assistant',
    content: `old ${i}`, status: 'done', createdAt: '2026-11-20T08:00:00.000Z', images: [], toolCalls: [],
  })))
  await page.goto(`${v.fake.url}/c/${sid}`)
  await page.getByText('old 39').waitFor()
  await page.locator('.scroller').hover({ position: { x: 20, y: 200 } })
  await page.mouse.wheel(0, -600)
  await page.getByRole('button', { name: 'Jump to latest' }).waitFor()
  const seen = await page.evaluate(() => {
    const edge = document.querySelector('.scroller')?.getBoundingClientRect().top ?? 0
    const block = [...document.querySelectorAll('article')].find((one) => one.getBoundingClientRect().top > edge)
    Object.assign(window, { block })
    return block?.getBoundingClientRect().top ?? 0
  })
  const top = () => page.evaluate(() => (window as unknown as { block: Element }).block.getBoundingClientRect().top)
  const moved = async () => Math.abs(await top() - seen)
  await box(page).fill(Array.from({ length: 12 }, (_, i) => `第 ${i} 行`).join('\n'))
  await expect.poll(() => box(page).evaluate((field) => field.clientHeight)).toBeGreaterThan(150)
  expect(await moved()).toBeLessThanOrEqual(2)
  await box(page).fill('')
  await expect.poll(() => box(page).evaluate((field) => field.clientHeight)).toBeLessThan(100)
  expect(await moved()).toBeLessThanOrEqual(2)
  expect(v.complaints).toEqual([])
  await v.end()
})

// openai/codex#34924
it('does not move a short answer while it is written', async () => {
  const v = await visit(browser, { tokenMs: 15 }, { viewport: { width: 1280, height: 1000 } })
  const { page } = v
  v.fake.state.say = Array.from({ length: 12 }, (_, i) => `Sentence ${i} of the answer is here.`).join(' ')
  await page.goto(v.fake.url)
  await box(page).fill('Be brief')
  await page.keyboard.press('Enter')
  await page.getByText('Sentence 0').waitFor()
  const top = () => page.getByText('Be brief').last().evaluate((one) => one.getBoundingClientRect().top)
  const before = await top()
  await page.getByText('Sentence 11 of the answer is here.').waitFor()
  await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
  expect(Math.abs(await top() - before)).toBeLessThanOrEqual(1)
  expect(v.complaints).toEqual([])
  await v.end()
})
