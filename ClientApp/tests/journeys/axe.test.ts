import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bringAxe, settled } from './axe'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

/** The findings of axe, by rule and element. */
async function findings(page: Page): Promise<string[]> {
  await settled(page)
  await bringAxe(page)
  const result = await page.evaluate(() =>
    (
      window as unknown as {
        axe: { run(options: object): Promise<{ violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[] }> }
      }
    ).axe.run({ iframes: false }), // those of the page have no origin, so axe cannot look into them
  )
  return result.violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${node.target.join(' ')}: ${node.failureSummary}`),
  )
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const device of [
    { viewport: { width: 1280, height: 800 } },
    { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
    { viewport: { width: 391, height: 844 } }, // a narrow window, with a mouse
  ]) {
    it(`finds nothing on the chat, ${colorScheme}, ${device.viewport.width} px`, async () => {
      const v = await visit(browser, { tokenMs: 1, chats: 3 }, { colorScheme, ...device })
      const { page } = v
      v.fake.state.settings['webSearchEnabled'] = true
      await page.goto(v.fake.url)
      await page.getByRole('heading', { name: /Hello/ }).waitFor()
      const all = await findings(page)
      v.fake.state.tools = [
        {
          id: 'a',
          name: 'web_search',
          status: 'succeeded',
          arguments: '{"query":"trees"}',
          result: JSON.stringify([{ number: 1, title: 'A tree', url: 'https://example.org/', text: 'Tall.' }]),
        },
      ]
      await page.getByRole('textbox', { name: 'Write a message' }).fill('Explain hash tables')
      await page.getByRole('button', { name: 'Send' }).click()
      await page.getByRole('link', { name: 'the article' }).waitFor({ timeout: 30_000 })
      await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
      await page.locator('.katex').first().waitFor()
      await page.locator('.hl-keyword').first().waitFor()
      await page.getByRole('button', { name: 'About this answer' }).click()
      await page.getByText(/Searched for/).click()
      all.push(...await findings(page))
      await page.getByRole('button', { name: 'Options for the answer' }).click()
      await page.getByRole('switch', { name: 'Earlier messages' }).waitFor()
      all.push(...await findings(page))
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Find in this chat' }).click()
      await page.getByRole('textbox', { name: 'Find in this chat' }).waitFor()
      all.push(...await findings(page))
      expect(all).toEqual([])
      await v.end()
    })
  }
}
