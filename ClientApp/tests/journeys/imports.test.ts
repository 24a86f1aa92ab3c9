import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const file = (name: string) => ({ name, mimeType: 'application/zip', buffer: Buffer.from('PK') })

it('imports archives one after another and says what came of each', async () => {
  const v = await visit(browser, { chats: 1 })
  const { page } = v
  await page.goto(`${v.fake.url}/settings/import`)
  const picker = page.locator('input[type=file]')
  await picker.waitFor({ state: 'attached' })
  await picker.setInputFiles([file('chatgpt.zip'), file('huge.zip')])

  await page.getByText('42 new chats · 1 chat got new messages · 3 chats were here already · 960 messages · 17 pictures').waitFor()
  await page.getByText('It is too large.').waitFor()
  await page.getByText('2 things were left out').click()
  await page.getByText('The export does not hold this picture.').waitFor()
  await page.getByText('It lists links of the other service.').waitFor() // the server's own words where the page has none
  await page.getByRole('button', { name: 'Remove from the list', exact: true }).click()
  await page.getByText('huge.zip').waitFor({ state: 'detached' })

  // A file of several people is taken only when that is said.
  await picker.setInputFiles([file('all-chats-export.json')])
  await page.getByText('This file holds chats of several people.').waitFor()
  await page.getByRole('button', { name: 'Take all of them into my account' }).click()
  await page.getByText('42 new chats').nth(1).waitFor()
  expect(v.fake.state.imports.map((item) => [item.name, item.state])).toEqual([
    ['all-chats-export.json', 'done'],
    ['all-chats-export.json', 'failed'],
    ['chatgpt.zip', 'done'],
  ])

  // The list is the server's: it is there after a reload, and the link opens the chat.
  await page.reload()
  await page.getByRole('button', { name: 'Remove from the list: chatgpt.zip' }).click()
  await page.getByText('chatgpt.zip').waitFor({ state: 'detached' })
  await page.getByRole('link', { name: 'Open the first of them' }).click()
  await page.waitForURL(/\/c\/\d+$/)
  expect(v.complaints.filter((text) => !text.includes('413'))).toEqual([])
  await v.end()
})
