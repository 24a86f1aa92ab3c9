import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.tagName)

/** Each overlay, opened first on a fresh page. */
const overlays: [string, (page: Page) => Promise<void>][] = [
  ['search', (page) => page.keyboard.press('Control+k')],
  ['keys', async (page) => {
    await page.evaluate(() => (document.activeElement as HTMLElement).blur())
    await page.keyboard.press('?')
  }],
  ['share', (page) => page.getByRole('button', { name: 'Share or save' }).click()],
  ['instructions', async (page) => {
    await page.getByRole('button', { name: 'Options for the answer' }).click()
    await page.getByRole('button', { name: /Instructions and parameters/ }).click()
  }],
  ['options', (page) => page.getByRole('button', { name: 'Options for the answer' }).click()],
  ['models', (page) => page.getByRole('button', { name: /Choose a model/ }).click()],
]

/** What opened an overlay has the focus again when it is closed. */
const triggers: Record<string, string> = {
  share: '[aria-label="Share or save"]',
  options: '[aria-label="Options for the answer"]',
  models: '.model-trigger',
}

for (const [name, open] of overlays)
  it(`shows ${name} first on a fresh page, above the rest, and gives the focus back`, async () => {
    const v = await visit(browser, { chats: 1 })
    const { page } = v
    await page.goto(v.fake.url)
    await page.getByRole('navigation').getByRole('link', { name: /第 0 个主题/ }).click()
    await page.getByText('This chat has no messages yet').waitFor()
    await open(page)
    const dialog = page.getByRole('dialog').last()
    await dialog.waitFor()
    await page.waitForFunction(() => document.activeElement?.closest('[role=dialog]'))
    if (name === 'options') await page.waitForFunction(() => document.activeElement?.matches('.compose-panel :is(select, [role=switch])'))
    const seen = await dialog.evaluate((node) => {
      const { left, top, width, height } = node.getBoundingClientRect()
      const at = document.elementFromPoint(left + width / 2, top + Math.min(height, innerHeight - top) / 2)
      return {
        inside: node.contains(at),
        positioned: [node, node.parentElement].some((one) => one && /fixed|absolute/.test(getComputedStyle(one).position)),
        wide: width > 150 && height > 60 && top >= 0,
      }
    })
    expect(seen).toEqual({ inside: true, positioned: true, wide: true })

    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    const trigger = triggers[name]
    if (trigger) await page.waitForFunction((selector) => document.activeElement?.matches(selector), trigger)
    expect(v.complaints).toEqual([])
    await v.end()
  })

it('asks before Escape throws away what was entered, and keeps it', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/users`)
  await page.getByRole('button', { name: 'New account' }).click()
  await page.getByLabel('User name').fill('half')
  await page.keyboard.press('Escape')
  await page.getByText('Discard what you entered?').waitFor()
  await page.keyboard.press('Escape')
  expect(await page.getByLabel('User name').inputValue()).toBe('half')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Discard' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(v.complaints).toEqual([])
  await v.end()
})

it('counts hits of the words in a chat and steps through them, covering none', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page } = v
  v.fake.state.say = 'One **two** one, and one more.'
  await page.goto(v.fake.url)
  await page.getByRole('textbox', { name: 'Write a message' }).fill('one')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('and one more').waitFor()
  await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
  const find = page.getByRole('button', { name: 'Find in this chat' })
  await find.click()
  await page.getByRole('textbox', { name: 'Find in this chat' }).fill('one')
  await page.getByText('4 / 4').waitFor()
  const steps = [['Enter', '3 / 4'], ['Enter', '2 / 4'], ['Enter', '1 / 4'], ['Enter', '4 / 4'], ['Shift+Enter', '1 / 4']] as const
  for (const [key, place] of steps) {
    await page.keyboard.press(key)
    await page.getByText(place).waitFor()
  }
  const covers = await page.evaluate(() => {
    const bar = document.querySelector('[role=search]')?.getBoundingClientRect()
    const text = document.querySelector('.scroller')?.getBoundingClientRect()
    return bar && text ? bar.bottom > text.top + 1 : null
  })
  expect(covers).toBe(false)
  await page.keyboard.press('Escape')
  expect(await focused(page)).toBe('Find in this chat')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('deletes exactly from the message on that the command stands at', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page } = v
  v.fake.state.say = 'Yes.'
  await page.goto(v.fake.url)
  await page.getByRole('textbox', { name: 'Write a message' }).fill('Stay')
  await page.getByRole('button', { name: 'Send' }).click()
  const answer = page.getByRole('article', { name: 'Assistant' })
  await answer.getByText('Yes.').waitFor()
  await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
  await answer.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Delete from here' }).click()
  await answer.waitFor({ state: 'detached' })
  await page.getByText('1 message was deleted').waitFor()
  await page.getByRole('article', { name: 'You' }).getByText('Stay').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})
