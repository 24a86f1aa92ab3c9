import { readFile } from 'node:fs/promises'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { admin, launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

it('offers recording where it is allowed, and sends the choice', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page, fake } = v
  const options = page.getByRole('button', { name: 'Options for the answer' })
  const trace = page.getByRole('switch', { name: 'Task trace' })
  const ask = async (text: string) => {
    await page.getByRole('textbox', { name: 'Write a message' }).fill(text)
    await page.keyboard.press('Enter')
    await page.getByRole('link', { name: 'the article' }).last().waitFor()
    await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
  }
  await page.goto(fake.url)
  await options.click()
  await page.getByRole('switch', { name: 'Earlier messages' }).waitFor()
  expect(await trace.count()).toBe(0)
  await page.keyboard.press('Escape')

  fake.state.settings['taskTraceEnabled'] = true
  await options.click()
  await trace.click()
  await page.keyboard.press('Escape')
  await ask('Record me')
  expect(fake.state.asked.at(-1)).toMatchObject({ content: 'Record me', trace: true })

  // Where everything is recorded, the switch is on, and only switching it off is sent.
  fake.state.settings['taskTraceDefaultOn'] = true
  await page.goto(fake.url)
  await options.click()
  expect(await trace.isChecked()).toBe(true)
  await trace.click()
  await page.keyboard.press('Escape')
  await page.getByText('Not recorded').waitFor()
  await ask('Leave me out')
  expect(fake.state.asked.at(-1)).toMatchObject({ content: 'Leave me out', trace: false })

  fake.state.current = { ...admin, role: 'USER' }
  await page.goto(fake.url)
  await options.click()
  await page.getByRole('switch', { name: 'Earlier messages' }).waitFor()
  expect(await trace.count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('finds a trace, reads its events, saves and deletes it', async () => {
  const v = await visit(browser)
  const { page, fake } = v
  await page.goto(`${fake.url}/main/logs/task-trace`)
  await page.getByRole('heading', { name: 'Task traces', level: 1 }).waitFor()
  await page.waitForURL('**/settings/traces')
  const rows = page.getByRole('main').getByRole('listitem')
  await page.getByText('Page 1 of 2 · 26 traces').waitFor()
  expect(await rows.count()).toBe(20)
  await page.getByRole('button', { name: 'Older' }).click()
  await page.getByText('Page 2 of 2').waitFor()
  expect(await rows.count()).toBe(6)

  await page.getByLabel('Status').selectOption('failed')
  await page.getByText('Page 1 of 1 · 6 traces').waitFor()
  await page.getByLabel('Search by user or model').fill('mei')
  await page.getByText('· 2 traces').waitFor()
  await page.getByLabel('Number of the chat').fill('99')
  await page.getByText('No trace matches this filter').waitFor()
  await page.getByLabel('Number of the chat').fill('')
  await rows.first().getByRole('button').click()

  await page.getByRole('heading', { name: /^Trace \d+/ }).waitFor()
  // Failures are unfolded, the rest is folded.
  await page.getByText('"provider_server_error"').waitFor()
  expect(await page.getByText('"contentChars"').first().isVisible()).toBe(false)
  await page.getByText('Context built').click()
  await page.getByText('"promptTokens": 812').waitFor()
  await page.getByRole('button', { name: 'Show all details' }).click()
  expect(await page.getByText('"contentChars"').first().isVisible()).toBe(true)
  await page.getByRole('button', { name: 'Hide all details' }).click()
  expect(await page.getByText('"provider_server_error"').isVisible()).toBe(false)

  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export as text' }).click()])
  expect(file.suggestedFilename()).toMatch(/^trace-\d+\.txt$/)
  expect(await readFile(await file.path(), 'utf8')).toContain('Task trace')

  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  expect(fake.state.traces).toHaveLength(26)
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByText('1 trace deleted').waitFor()
  await page.getByText('· 1 trace', { exact: false }).first().waitFor()
  expect(fake.state.traces).toHaveLength(25)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('cleans up by age or all, and says when there is nothing or it cannot be read', async () => {
  const v = await visit(browser, {}, { viewport: { width: 390, height: 844 } })
  const { page, fake } = v
  await page.goto(`${fake.url}/settings/traces`)
  await page.getByRole('button', { name: 'Clean up' }).click()
  const dialog = page.getByRole('dialog', { name: 'Delete old traces?' })
  const days = dialog.getByLabel('Older than, in days')
  await expect.poll(() => days.inputValue()).toBe('7')
  await days.fill('400')
  await dialog.getByText('From 1 to 365').waitFor()
  expect(await dialog.getByRole('button', { name: 'Delete' }).isDisabled()).toBe(true)
  await days.fill('1')
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await page.getByText('1 trace deleted').waitFor()
  expect(fake.state.traces).toHaveLength(25)

  await page.getByRole('button', { name: 'Clean up' }).click()
  await dialog.getByLabel('Delete all, whatever their age').check()
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await page.getByText('Nothing recorded yet').waitFor()

  fake.state.tracesDown = true
  await page.getByRole('button', { name: 'Refresh' }).click()
  await page.getByText('This could not be loaded').waitFor()
  fake.state.tracesDown = false
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByText('Nothing recorded yet').waitFor()
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
  expect(v.complaints).toEqual([])
  await v.end()
})
