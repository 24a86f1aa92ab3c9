import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Message } from '../../src/lib/api/types'
import type { Fake } from '../fake/server.mjs'
import { engine, launch, visit, watch } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const box = (page: Page) => page.getByRole('textbox', { name: 'Write a message' })

/** A chat of this many turns; the answer of turn 12 has an older version with the word `buried`. */
function long(fake: Fake, turns: number): number {
  const sid = [...fake.state.sessions.keys()][0] ?? 0
  const at = '2026-11-23T08:00:00.000Z'
  const one = (id: number, parentId: number | null, role: Message['role'], content: string): Message => ({
    id,
    sessionId: sid,
    parentId,
    role,
    content,
    status: 'done',
    images: [],
    toolCalls: [],
    createdAt: at,
  })
  const messages: Message[] = []
  let parent: number | null = null
  for (let turn = 1; turn <= turns; turn++) {
    const id = 1000 + turn * 10
    messages.push(one(id, parent, 'user', `Question number ${turn}`))
    if (turn === 12) messages.push(one(id + 1, id, 'assistant', 'The buried version.'))
    messages.push(
      one(
        id + 2,
        id,
        'assistant',
        `Answer number ${turn}${turn === 20 ? ' with the needle in it' : ''}.\n\n` +
        `${'Many words stand here so that a turn has some height. '.repeat(12)}`,
      ),
    )
    parent = id + 2
  }
  fake.state.messages.set(sid, messages)
  return sid
}

async function search(page: Page, words: string) {
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Search chats and commands' }).fill(words)
  await page.locator('.snippet mark').first().waitFor()
  await page.keyboard.press('Enter')
}

const inView = (page: Page, text: string) => page.getByText(text).evaluate((element) => {
  const { top, bottom } = element.getBoundingClientRect()
  return top >= 0 && bottom <= innerHeight
})

it('opens a search hit at its message, far above and on another branch', async () => {
  const v = await visit(browser, { chats: 2 })
  const { page } = v
  const sid = long(v.fake, 90)
  await page.goto(v.fake.url)
  await box(page).waitFor()
  await search(page, 'needle')
  await page.waitForURL(`**/c/${sid}`)
  const hit = page.locator('article[data-found]', { hasText: 'with the needle' })
  await hit.waitFor()
  await expect.poll(() => inView(page, 'with the needle in it')).toBe(true)
  expect(await page.evaluate(() => CSS.highlights.get('found')?.size)).toBe(1)
  await hit.waitFor({ state: 'detached' })
  expect(await page.evaluate(() => CSS.highlights.has('found'))).toBe(false)
  expect(await page.getByRole('button', { name: 'Jump to latest' }).isVisible()).toBe(true)

  await search(page, 'buried version')
  await page.getByText('The buried version.').waitFor()
  await expect.poll(() => inView(page, 'The buried version.')).toBe(true)
  expect(await page.getByText('1 / 2').count()).toBe(1)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('returns after a reload to the place in the chat, and to its end when it was read to the end', async () => {
  const v = await visit(browser, { chats: 2 })
  const { page } = v
  const sid = long(v.fake, 90)
  await page.goto(`${v.fake.url}/c/${sid}`)
  await page.getByText('Answer number 90.').waitFor()
  await page.reload()
  await page.getByText('Answer number 90.').waitFor()
  await expect
    .poll(() => page.locator('.scroller').evaluate((list) => list.scrollHeight - list.clientHeight - list.scrollTop))
    .toBeLessThan(32)

  await search(page, 'number 30')
  await page.locator('article[data-found]').waitFor()
  await page.locator('.scroller').evaluate((list) => list.scrollBy(0, -40))
  const top = () => page.getByText('Question number 30').evaluate((element) => Math.round(element.getBoundingClientRect().top))
  const kept = () => page.evaluate(() => localStorage.getItem('aichat.places.1'))
  await page.waitForFunction(() => localStorage.getItem('aichat.places.1'))
  const before = await top()
  await page.reload()
  await page.getByText('Question number 30').waitFor()
  await expect.poll(async () => Math.abs(await top() - before)).toBeLessThanOrEqual(3)
  expect(await kept()).toMatch(/^\[\[\d+,\d+,-?\d+(,\d+)?\]\]$/)

  await page.getByRole('button', { name: 'Jump to latest' }).click()
  await expect.poll(kept).toBeNull()
  await page.reload()
  await page.getByText('Answer number 90.').waitFor()
  expect(await page.getByRole('button', { name: 'Jump to latest' }).count()).toBe(0)

  await search(page, 'number 40')
  await page.waitForFunction(() => localStorage.getItem('aichat.places.1'))
  await page.getByRole('button', { name: 'Account menu' }).click()
  await page.getByRole('menuitem', { name: 'Log out' }).click()
  await page.getByLabel('User name').waitFor()
  expect(await kept()).toBeNull()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('carries a draft to the next device, never over what is being typed, and clears it when sent', async () => {
  const v = await visit(browser, { chats: 2, tokenMs: 1 })
  const { page } = v
  const sid = [...v.fake.state.sessions.keys()][0] ?? 0
  const address = `${v.fake.url}/c/${sid}`
  const stored = () => v.fake.state.drafts.get(String(sid))
  await page.goto(address)
  await box(page).fill('begun on the laptop')
  await expect.poll(stored).toBe('begun on the laptop')

  const phone = await (await browser.newContext({ locale: 'en-US' })).newPage()
  const complaints = watch(phone)
  await phone.goto(address)
  await expect.poll(() => box(phone).inputValue()).toBe('begun on the laptop')
  await box(phone).fill('begun on the laptop, ended on the phone')
  // The page closes before it could store the draft.
  await phone.goto('about:blank')
  await expect.poll(stored).toBe('begun on the laptop, ended on the phone')

  await page.reload()
  await expect.poll(() => box(page).inputValue()).toBe('begun on the laptop, ended on the phone')
  // Text typed offline is kept, and not overwritten by a draft of another device.
  await v.context.setOffline(true)
  await box(page).fill('typed in a tunnel')
  await v.context.setOffline(false)
  await expect.poll(stored).toBe('typed in a tunnel')
  await v.context.setOffline(true)
  await box(page).fill('typed in the next tunnel')
  v.fake.state.drafts.set(String(sid), 'from elsewhere')
  await v.context.setOffline(false)
  const asked = page.waitForResponse((response) => response.url().endsWith(`/api/drafts/${sid}`) && response.request().method() === 'GET')
  await page.reload()
  await asked
  expect(await box(page).inputValue()).toBe('typed in the next tunnel')

  await page.keyboard.press('Enter')
  await page.getByRole('article', { name: 'You' }).getByText('typed in the next tunnel').waitFor()
  expect(await box(page).inputValue()).toBe('')
  await phone.goto(address)
  await phone.getByRole('article', { name: 'You' }).waitFor()
  await expect.poll(() => box(phone).inputValue()).toBe('')
  expect([...v.complaints, ...complaints].filter((line) => !line.includes('ERR_INTERNET_DISCONNECTED'))).toEqual([])
  await phone.context().close()
  await v.end()
})

it('shows the picture that an administrator gives the assistant', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page } = v
  const face = page.getByRole('article', { name: 'Assistant' }).locator('header img, .who img')
  await page.goto(`${v.fake.url}/settings/system/general`)
  await page.locator('input[type=file]').last().setInputFiles({ name: 'robot.png', mimeType: 'image/png', buffer: await page.screenshot() })
  await page.getByRole('button', { name: 'Remove' }).waitFor()
  // WebKit writes no WebP, so that the picture stays a PNG there.
  const head = Buffer.from(v.fake.state.face?.subarray(0, 12) ?? []).toString('latin1')
  expect(head).toMatch(engine === 'webkit' ? /^\x89PNG/ : /WEBP$/)
  await page.goto(v.fake.url)
  await box(page).fill('Hello')
  await page.keyboard.press('Enter')
  await expect.poll(() => face.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0)
  await page.waitForURL(/\/c\/\d+$/)
  const sid = Number(page.url().split('/').at(-1))
  const share = await page.evaluate(
    (id) =>
      fetch(`/api/sessions/${id}/share`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }).then(
        (response) => response.json() as Promise<{ url: string }>,
      ),
    sid,
  )
  await page.goto(v.fake.url + share.url)
  await expect.poll(() => face.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0)
  await page.setViewportSize({ width: 390, height: 800 })
  expect(await face.isVisible()).toBe(false)
  await page.goto(`${v.fake.url}/settings/system/general`)
  await page.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('button', { name: 'Remove' }).waitFor({ state: 'detached' })
  expect(v.fake.state.face).toBeNull()
  expect(v.complaints).toEqual([])
  await v.end()
})
