import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Message, ToolCall } from '../../src/lib/api/types'
import { admin, launch, visit, type Visit } from './browser'

// Every list, drawn with identical rows: a key that two rows share would crash the page.

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const at = '2026-11-20T08:00:00.000Z'
const mei = (id: number) => ({ ...admin, id, username: 'mei_lin', role: 'USER' as const })
const connection = (id: number) => ({
  id,
  name: 'Team',
  provider: 'openai',
  baseUrl: 'https://llm.example/v1',
  authType: 'bearer',
  hasKey: true,
  keyHint: '…aaaa',
  keys: ['…aaaa', '…aaaa'],
  headers: {},
  enabled: true,
  modelCount: 2,
})
const image = { id: 'same', url: 'icons/touch-180.png', width: 180, height: 180, mime: 'image/png' }
const found = JSON.stringify([
  { number: 1, title: 'A tree', url: 'https://example.org/', text: 'Tall.' },
  { number: 1, title: 'A tree', url: 'https://example.org/', text: 'Tall.' },
])
const call: ToolCall = { id: 'call_0', name: 'web_search', status: 'succeeded', arguments: '{"query":"trees"}', result: found }

/** Answers a path with this; a list holds the entry twice. */
const serve = (v: Visit, path: string, json: unknown) => v.page.route(path, (route) => route.fulfill({ json }))

async function expectAlive(v: Visit) {
  expect(await v.page.getByText('This part of the page stopped working').count()).toBe(0)
  expect(v.complaints).toEqual([])
}

it('opens the model picker with two connections of one name and one model of both, and picks from each', async () => {
  const v = await visit(browser)
  const { page } = v
  v.fake.state.connections.push(connection(5), connection(6))
  const model = (connectionId: number) => ({
    id: `${connectionId}.gpt`,
    connectionId,
    model: 'gpt',
    name: 'GPT',
    provider: 'openai',
    connectionName: 'Team',
    capabilities: {},
    contextLimit: 1000,
  })
  await serve(v, '**/api/catalog/models', { items: [model(5), model(6)] })
  await page.addInitScript(() => {
    if (origin === 'null') return // Firefox begins every load with an empty document, which has no storage.
    for (const list of ['starred', 'recent']) localStorage.setItem(`aichat.models.${list}`, '["5.gpt","5.gpt","6.gpt"]')
  })
  await page.goto(v.fake.url)
  for (const place of [0, 1]) {
    await page.getByRole('button', { name: /Choose a model/ }).click()
    const both = page.getByRole('group', { name: 'OpenAI' }).getByRole('option')
    await both.nth(1).waitFor()
    for (const id of [5, 6]) expect(await both.filter({ hasText: `Team #${id}` }).count()).toBe(1)
    expect(await page.getByRole('group', { name: 'Favourites' }).getByRole('option').count()).toBe(2)
    await both.nth(place).click()
  }
  await page.goto(`${v.fake.url}/settings/connections`)
  await page.getByText('Team', { exact: true }).nth(1).waitFor()
  await expectAlive(v)
  await v.end()
})

it('draws a chat whose images, tools, sources, messages, waiting texts and prompts are twins', async () => {
  const v = await visit(browser, { chats: 2 })
  const { page } = v
  const sid = [...v.fake.state.sessions.keys()][0] ?? 0
  for (const session of v.fake.state.sessions.values()) session.title = 'The same title'
  const message = (id: number, role: 'user' | 'assistant', more: Partial<Message> = {}): Message => ({
    id,
    sessionId: sid,
    parentId: id === 1 ? null : id - 1,
    role,
    content: 'The same words',
    status: 'done',
    createdAt: at,
    ...more,
  })
  v.fake.state.messages.set(sid, [
    message(1, 'user', { images: [image, image] }),
    message(2, 'assistant', {
      toolCalls: [call, call],
      model: 'gpt',
      usage: { promptTokens: 1, completionTokens: 1, totalTokens: 2, cost: 0, source: 'provider' },
      firstTokenMs: 1000,
      totalMs: 1000,
    }),
    message(3, 'user', { images: [image, image] }),
    message(4, 'assistant', { toolCalls: [call, call] }),
  ])
  const prompt = (id: number) => ({
    id,
    name: 'greet',
    title: 'The same title',
    text: '{{name}} {{name}}',
    variables: ['name', 'name'],
    shared: false,
    own: true,
  })
  await serve(v, '**/api/prompts', { items: [prompt(1), prompt(2)], nextCursor: null })
  v.fake.state.hold = true
  await page.goto(`${v.fake.url}/c/${sid}`)
  await page.getByText('The same words').nth(3).waitFor()
  expect(await page.getByRole('button', { name: 'Show the image large' }).count()).toBe(4)
  expect(await page.getByText(/Searched for/).count()).toBe(4)
  for (const step of await page.getByText(/Searched for/).all()) await step.click()
  expect(await page.getByRole('link', { name: 'A tree' }).count()).toBe(8)
  await page.getByRole('button', { name: 'About this answer' }).last().click()
  expect(await page.getByRole('link', { name: 'The same title' }).count()).toBe(2)

  const box = page.getByRole('textbox', { name: 'Write a message' })
  await box.fill('/')
  await page.getByRole('option', { name: /The same title/ }).nth(1).click()
  await page.getByRole('dialog').getByRole('textbox').nth(1).waitFor()
  await page.keyboard.press('Escape')
  for (let n = 0; n < 3; n++) {
    await box.fill('Say the same')
    await page.keyboard.press('Enter')
  }
  await page.getByText('Say the same').nth(2).waitFor()

  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').fill('same')
  await page.getByRole('option', { name: /The same title/ }).nth(1).waitFor()
  await expectAlive(v)
  v.fake.state.hold = false
  await v.end()
})

it('draws what is administered with twins, and asks for more twice', async () => {
  const v = await visit(browser, { users: [admin, mei(2), mei(3)] })
  const { page } = v
  v.fake.state.connections.push(connection(5), connection(6))
  v.fake.state.settings['webSearchApiKey'] = { set: true }
  v.fake.state.settings['webSearchEnabled'] = true
  const key = (id: number) => ({
    id,
    name: 'Editor',
    prefix: 'sk-same',
    scopes: ['chat', 'chat'],
    models: null,
    expiresAt: null,
    dailyBudget: null,
    spentToday: 0,
    lastUsedAt: null,
    createdAt: at,
  })
  v.fake.state.keys.push(key(1), key(2))
  const login = (id: number) => ({ id, createdAt: at, lastUsedAt: at, ip: '192.0.2.1', userAgent: 'curl', current: false })
  await serve(v, '**/api/auth/logins*', { items: [login(1), login(2)], nextCursor: null })
  const entry = (id: number) => ({ id, at, actorId: 1, actor: 'lin', action: 'user.approve', target: 'user:2' })
  await serve(v, '**/api/audit*', { items: [entry(1), entry(2)], nextCursor: 'more' })
  await serve(v, '**/api/settings/web-search/test', {
    ok: true,
    results: [
      { title: 'A', url: 'https://a.example' },
      { title: 'A', url: 'https://a.example' },
    ],
  })
  const line = {
    name: 'gpt',
    provider: 'openai',
    calls: 1,
    promptTokens: 0,
    completionTokens: 0,
    reasoningTokens: 0,
    cachedTokens: 0,
    totalTokens: 0,
    cost: 0,
    failed: 0,
    averageFirstTokenMs: 1,
  }
  await page.route('**/api/admin/usage*', (route) =>
    route.fulfill({
      json: {
        from: at,
        to: at,
        by: 'model',
        total: line,
        items: [{ ...line, day: '2026-11-20' }, { ...line, day: '2026-11-20' }, line, line],
      },
    }),
  )
  const model = (connectionId: number, name: string) => ({
    id: `${connectionId}.${name}`,
    connectionId,
    model: name,
    name: 'GPT',
    provider: 'openai',
    connectionName: 'Team',
    capabilities: {},
    contextLimit: 1000,
    tags: ['a', 'a'],
    hidden: false,
    overridden: false,
    isDefault: false,
  })
  await serve(v, '**/api/catalog/models?all=true', { items: [model(5, 'a'), model(5, 'b'), model(6, 'a'), model(6, 'b')] })
  await page.route('**/api/task-trace?*', async (route) => {
    const answer = await (await route.fetch()).json() as { items: object[] }
    await route.fulfill({ json: { ...answer, items: [{ ...answer.items[0], id: 1 }, { ...answer.items[0], id: 2 }] } })
  })

  for (const [path, text, count] of [
    ['users', 'mei_lin', 2],
    ['connections', 'Team', 2],
    ['models', 'GPT', 4],
    ['keys', 'Editor', 2],
    ['devices', /192\.0\.2\.1/, 2],
    ['audit', 'Approved an account', 2],
    ['traces', 'mei_lin', 2],
  ] as const) {
    await page.goto(`${v.fake.url}/settings/${path}`)
    await expect.poll(() => page.locator('main').getByText(text, { exact: true }).count(), { message: path }).toBe(count)
    await expectAlive(v)
  }
  await page.goto(`${v.fake.url}/settings/audit`)
  await page.getByRole('button', { name: 'Show more' }).dblclick()
  await expect.poll(() => page.getByText('Approved an account').count()).toBe(2)
  await page.goto(`${v.fake.url}/settings/models`)
  await page.getByRole('button', { name: 'Change order' }).click()
  await page.getByRole('dialog').getByText('GPT').nth(3).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Edit: GPT' }).first().click()
  await page.getByLabel('Administrators and these people').click()
  expect(await page.getByRole('dialog').getByLabel('mei_lin').count()).toBe(2)
  await page.goto(`${v.fake.url}/settings/overview`)
  await page.getByRole('radio', { name: 'Model' }).check({ force: true })
  await expect.poll(() => page.locator('main tbody tr').count()).toBe(4)
  await page.goto(`${v.fake.url}/settings/system/search`)
  await page.getByRole('button', { name: 'Search', exact: true }).click()
  await page.getByText('A', { exact: true }).nth(1).waitFor()
  // Several settings of a page have the same label in one of the languages.
  for (const letter of ['a', 'e', 'mon', 'token']) await page.getByRole('searchbox', { name: 'Search settings' }).fill(letter)
  await expectAlive(v)
  await v.end()
})

it('draws shared and archived chats with twins', async () => {
  const v = await visit(browser)
  const { page } = v
  const said = (id: number) => ({ id, role: 'user', content: 'The same words', images: [image, image], status: 'done', createdAt: at })
  await serve(v, '**/api/shares/twins*', { title: 'Shared', createdAt: at, expiresAt: null, items: [said(1), said(2)], nextCursor: 'more' })
  await page.goto(`${v.fake.url}/share/twins`)
  await page.getByText('The same words').nth(1).waitFor()
  await page.getByRole('button', { name: 'Show more' }).dblclick()
  await expect.poll(() => page.getByText('The same words').count()).toBe(2)
  expect(await page.locator('main img, article img').count()).toBe(4)
  await expectAlive(v)

  const session = (id: number) => ({ id, title: 'Put away', connectionId: null, model: null, archived: true, createdAt: at, updatedAt: at })
  await serve(v, '**/api/sessions?*archived=true*', { items: [session(1), session(2)], nextCursor: 'more' })
  await page.goto(v.fake.url)
  await page.getByRole('button', { name: 'Actions for the list' }).click()
  await page.getByRole('menuitem', { name: 'Archived chats' }).click()
  await page.getByText('Put away').nth(1).waitFor()
  await page.getByRole('button', { name: 'Show more' }).dblclick()
  await expect.poll(() => page.getByText('Put away').count()).toBe(2)
  await expectAlive(v)
  await v.end()
})
