import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const connection = {
  id: 5,
  name: 'Workstation',
  provider: 'openai',
  baseUrl: 'http://127.0.0.1:9/v1',
  authType: 'none',
  hasKey: false,
  enabled: true,
}
const list = (page: Page) => page.getByRole('dialog').getByRole('list', { name: 'Workstation' }).locator('.name').allInnerTexts()

it('orders models by buttons, keys and dragging, and the picker follows', async () => {
  const v = await visit(browser)
  v.fake.state.connections.push(connection)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/models`)
  await page.getByRole('button', { name: 'Change order' }).click()
  expect(await list(page)).toEqual(['gpt-large', 'gpt-small'])
  expect(await page.getByRole('button', { name: 'Save', exact: true }).isDisabled()).toBe(true)
  await page.getByRole('button', { name: 'Move gpt-large down' }).click()
  expect(await list(page)).toEqual(['gpt-small', 'gpt-large'])
  await page.getByText('gpt-large: place 2 of 2').waitFor({ state: 'attached' })
  expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Move gpt-large down')
  await page.getByRole('button', { name: 'Move gpt-large', exact: true }).press('Home')
  expect(await list(page)).toEqual(['gpt-large', 'gpt-small'])
  const from = await page.getByRole('button', { name: 'Move gpt-small', exact: true }).boundingBox()
  const to = await page.getByRole('dialog').getByText('gpt-large', { exact: true }).boundingBox()
  if (!from || !to) throw new Error('not shown')
  await page.mouse.move(from.x + 8, from.y + 8)
  await page.mouse.down()
  await page.mouse.move(to.x + 8, to.y + 4, { steps: 5 })
  await page.mouse.up()
  expect(await list(page)).toEqual(['gpt-small', 'gpt-large'])
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByText('Saved').waitFor()
  // A position does not count as a change of the model.
  expect(await page.getByText('Changed here').count()).toBe(0)
  await page.getByRole('link', { name: 'Go to the chat' }).click()
  await page.getByRole('button', { name: /Choose a model/ }).click()
  await page.getByRole('option').first().waitFor()
  expect((await page.getByRole('option').allInnerTexts()).map((text) => /gpt-\w+/.exec(text)?.[0]).slice(0, 2)).toEqual([
    'gpt-small',
    'gpt-large',
  ])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('previews a file of changes before it applies, and skips the entries that do not fit', async () => {
  const v = await visit(browser)
  v.fake.state.connections.push(connection)
  v.fake.state.overrides.set('5 gpt-small', { connectionId: 5, model: 'gpt-small', name: 'Small' })
  const { page } = v
  const choose = async (content: string) => {
    await page
      .locator('input[type=file]')
      .setInputFiles({ name: 'models.json', mimeType: 'application/json', buffer: Buffer.from(content) })
  }
  await page.goto(`${v.fake.url}/settings/models`)
  await page.getByRole('switch', { name: 'Offered: Small' }).waitFor()
  await choose('{"items": 5}')
  await page.getByText('This file holds no list of models').waitFor()
  const items = [
    { connectionId: 5, model: 'gpt-large', name: 'Big', price: { input: 1, output: 2 } },
    { connectionId: 5, model: 'gpt-small', name: 'Tiny' },
    { connectionId: 5, model: 'gpt-later', hidden: true },
    { connectionId: 77, connectionName: 'Elsewhere', model: 'gpt-large', name: 'Lost' },
    { connectionId: 5, model: 'gpt-large', contextLimit: 0 },
  ]
  await choose(JSON.stringify({ items }))
  const dialog = page.getByRole('dialog', { name: 'Changes in this file' })
  await dialog.getByText('New: 2 · Changed: 1 · Left out: 1 · Not valid: 1').waitFor()
  await dialog.getByText('Workstation · Name, Price for a million tokens').waitFor()
  await dialog.getByText('Offered · not offered at the moment').waitFor()
  await dialog.getByText('Elsewhere · there is no such connection here').waitFor()
  await dialog.getByText('Workstation · Context, in tokens').waitFor()
  expect(v.fake.state.overrides.get('5 gpt-small')?.['name']).toBe('Small')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  expect(v.fake.state.overrides.size).toBe(1)

  await choose(JSON.stringify(items))
  await dialog.getByRole('button', { name: 'Change 3 models' }).click()
  await page.getByText('3 models were changed').waitFor()
  expect([...v.fake.state.overrides.keys()]).toEqual(['5 gpt-small', '5 gpt-large', '5 gpt-later'])
  await page.getByText('Tiny').waitFor()
  await page.getByText('$1 in, $2 out per million').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})
