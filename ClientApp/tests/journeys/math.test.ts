import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

it('draws formulas, chemistry and environments, and leaves prices and code alone', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  v.fake.state.say = [
    'Burning: $\\ce{2 H2 + O2 -> 2 H2O}$, and bare \\ce{SO4^2-} at \\pu{5 mol//l}.',
    '\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}',
    '$$\nf(x) = \\begin{cases} 1 & x > 0 \\\\ 0 & \\text{else} \\end{cases}\n$$',
    'A cube costs $5 or $10, `$x^2$` is code.',
    'Wrong: $\\nothing{x}$ stays.',
  ].join('\n\n')
  const elsewhere: string[] = []
  v.page.on('request', (request) => {
    if (!request.url().startsWith(v.fake.url) && !/^(blob|data):/.test(request.url())) elsewhere.push(request.url())
  })
  await v.page.goto(v.fake.url)
  await v.page.getByRole('textbox', { name: 'Write a message' }).fill('Formulas')
  await v.page.keyboard.press('Enter')
  await v.page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
  await v.page.getByText('stays.').waitFor()
  await expect.poll(() => v.page.locator('.prose .katex').count()).toBe(5)
  expect(await v.page.locator('.prose .katex annotation').allTextContents()).toEqual(
    expect.arrayContaining([expect.stringContaining('\\begin{align}'), expect.stringContaining('\\begin{cases}')]),
  )
  const chemistry = v.page.locator('.prose p').first()
  expect(await chemistry.locator('.katex-html').first().innerText()).toMatch(/H[\s\S]*2[\s\S]*O/)
  expect(await v.page.locator('.katex-error').count()).toBe(0)
  // Styles and fonts of formulas come from here, so that they are drawn without the internet too.
  await expect
    .poll(() => v.page.evaluate(() => [...document.fonts].some((font) => font.family.includes('KaTeX') && font.status === 'loaded')))
    .toBe(true)
  expect(elsewhere).toEqual([])
  expect((await v.page.locator('.prose p', { hasText: 'A cube' }).innerText()).trim()).toBe('A cube costs $5 or $10, $x^2$ is code.')
  await expect.poll(() => v.page.locator('.math-raw').allInnerTexts()).toEqual(['\\nothing{x}'])
  expect(v.complaints).toEqual([])
  await v.end()
})
