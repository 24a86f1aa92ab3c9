import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const columns = Array.from({ length: 12 }, (_, at) => `column${at}`)
const text = [
  '# A heading that is long enough to take more than one line on the screen of a phone',
  `| ${columns.join(' | ')} |\n|${columns.map(() => '---').join('|')}|\n| ${columns.map((one) => `value of ${one}`).join(' | ')} |`,
  `\`\`\`python\ndef f():\n    return "${'long '.repeat(60)}"  # end\n\`\`\``,
  'The end.',
].join('\n\n')

it('lets tables and code scroll in their frame, wraps code when asked, and colours it for either theme', async () => {
  const v = await visit(
    browser,
    { tokenMs: 1 },
    { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, colorScheme: 'light' },
  )
  const { page } = v
  v.fake.state.say = text
  await page.goto(v.fake.url)
  await page.getByRole('textbox', { name: 'Write a message' }).fill('Show me')
  await page.getByRole('button', { name: 'Send' }).tap()
  await page.getByText('The end.').waitFor()
  await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })

  // Nothing is cut off, and the page itself does not scroll sideways.
  const scrolls = (selector: string) => page.locator(selector).first().evaluate((box) => {
    box.scrollLeft = 10_000
    const reached = box.scrollLeft
    box.scrollLeft = 0
    return reached > 0 && reached + box.clientWidth >= box.scrollWidth - 1
  })
  expect(await scrolls('.prose .table > .scroll')).toBe(true)
  expect(await scrolls('.prose pre')).toBe(true)
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
  await page.getByRole('button', { name: 'Wrap lines' }).tap()
  expect(await scrolls('.prose pre')).toBe(false)

  // The line height of a heading exceeds its font size.
  const heading = await page
    .locator('.prose h1, .prose h2, .prose h3')
    .first()
    .evaluate((node) => {
      const style = getComputedStyle(node)
      return {
        lines: Math.round(node.clientHeight / parseFloat(style.lineHeight)),
        ratio: parseFloat(style.lineHeight) / parseFloat(style.fontSize),
      }
    })
  expect(heading.lines).toBeGreaterThan(1)
  expect(heading.ratio).toBeGreaterThan(1.2)

  const colours = () =>
    page
      .locator('.prose .hl-keyword')
      .first()
      .evaluate((node) => [getComputedStyle(node).color, getComputedStyle(node.closest('figure') ?? node).backgroundColor])
  await page.locator('.prose .hl-keyword').first().waitFor()
  const light = await colours()
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.locator('html[data-theme=dark]').waitFor()
  const dark = await colours()
  expect(dark[0]).not.toBe(light[0])
  expect(dark[1]).not.toBe(light[1])
  expect(v.complaints).toEqual([])
  await v.end()
})
