import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Message } from '../../src/lib/api/types'
import { admin, launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

it('says why an answer failed, for known and unknown errors', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page } = v
  v.fake.state.say = 'Half of an answer that never'
  await page.goto(v.fake.url)
  const box = page.getByRole('textbox', { name: 'Write a message' })
  for (const [event, said] of [
    ['{"code":"provider_rate_limited"}', /The provider’s rate limit is reached/],
    ['{"code":"something_of_tomorrow","detail":"x"}', /something_of_tomorrow/],
    ['{"message":"no code at all"}', /Something went wrong \(unknown\)/],
    ['this is not even JSON', /Something went wrong \(unknown\)/],
  ] as const) {
    v.fake.state.fail = event
    await box.fill(`Fail with ${event}`)
    await page.keyboard.press('Enter')
    await page.getByRole('article', { name: 'Assistant' }).last().getByRole('alert').getByText(said).waitFor()
    await page.getByRole('article', { name: 'Assistant' }).last().getByText('Half of').waitFor()
    await page.getByRole('button', { name: 'Retry' }).waitFor()
  }
  v.fake.state.fail = null
  v.fake.state.say = 'Whole.'
  await page.getByRole('button', { name: 'Retry' }).click()
  await page.getByText('Whole.', { exact: true }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('shows several errors at once, none hiding another', async () => {
  const v = await visit(browser)
  const { page } = v
  v.fake.state.connections.push(
    ...['One', 'Two'].map((name, at) => ({
      id: 5 + at,
      name,
      provider: 'openai',
      baseUrl: 'http://x',
      authType: 'none',
      hasKey: false,
      enabled: true,
    })),
  )
  await page.route('**/api/catalog/models/refresh', (route) =>
    route.fulfill({
      json: {
        items: [
          { connectionId: 5, ok: false, code: 'provider_unauthorized', modelCount: 0 },
          { connectionId: 6, ok: false, code: 'provider_dns', modelCount: 0 },
        ],
      },
    }),
  )
  await page.goto(`${v.fake.url}/settings/models`)
  await page.getByRole('button', { name: 'Refresh' }).click()
  const toasts = page.locator('.toasts')
  await toasts.getByText('The provider refused the key.').waitFor()
  await toasts.getByText('The provider’s host name is unknown.').waitFor()
  expect(await toasts.locator('.toast').count()).toBe(2)
  await toasts.getByRole('button', { name: 'Close' }).first().click()
  expect(await toasts.locator('.toast').count()).toBe(1)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('keeps a chat readable when one of its messages cannot be drawn', async () => {
  const v = await visit(browser, { chats: 1 })
  const [sid = 0] = [...v.fake.state.sessions.keys()]
  const one = (id: number, role: 'user' | 'assistant', content: string, more: object = {}): Message => ({
    id,
    sessionId: sid,
    parentId: id === 1 ? null : id - 1,
    role,
    content,
    status: 'done',
    createdAt: '2026-11-20T08:00:00.000Z',
    ...more,
  })
  v.fake.state.messages.set(sid, [
    one(1, 'user', 'First question'),
    one(2, 'assistant', 'Words of a broken answer', { toolCalls: [null] }),
    one(3, 'user', 'Second question'),
    one(4, 'assistant', 'A good answer'),
  ])
  await v.page.goto(`${v.fake.url}/c/${sid}`)
  await v.page.getByText('A good answer').waitFor()
  await v.page.getByText('Words of a broken answer').waitFor()
  await v.page.getByText('This message could not be drawn').waitFor()
  await v.page.getByRole('button', { name: 'Copy a report' }).waitFor()
  await v.end()
})

it('says that the page crashed, offers a reload, and logs the error', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.route('**/api/auth/me', (route) => route.fulfill({ json: { user: { ...admin, username: 5 }, guest: false, quota: null } }))
  await page.goto(v.fake.url)
  await page.getByText('This part of the page stopped working').waitFor()
  await page.getByRole('button', { name: 'Reload' }).waitFor()
  await page.getByRole('button', { name: 'Copy a report' }).waitFor()
  await expect.poll(() => v.complaints.length).toBeGreaterThan(0)
  await page.unroute('**/api/auth/me')
  await page.getByRole('button', { name: 'Reload' }).click()
  await page.getByRole('textbox', { name: 'Write a message' }).waitFor()
  await v.end()
})

it('names the setting when a proxy takes a path away, so that none of its files is found', async () => {
  const v = await visit(browser)
  const told = v.page.getByText('BASE_PATH=/chat').first()
  await v.page.route('**/assets/**', (route) => route.fulfill({ status: 404, body: '' }))
  await v.page.goto(v.fake.url)
  await told.waitFor()
  await v.page.unroute('**/assets/**')
  await v.page.reload()
  await v.page.getByRole('heading', { name: /Hello lin/ }).waitFor()
  expect(await told.isVisible()).toBe(false)
  await v.end()
})
