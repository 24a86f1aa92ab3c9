import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { answer } from '../fake/answer.mjs'
import { admin, launch, needs, visit, type Visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

async function ask(page: Page, text: string) {
  await page.getByRole('textbox', { name: 'Write a message' }).fill(text)
  await page.keyboard.press('Enter')
}

const finished = (page: Page) => page.locator('article[aria-busy=true]').waitFor({ state: 'detached', timeout: 30_000 })

/** The stored answer, once the page shows it. */
async function expectWhole(visit: Visit) {
  // Wait for the end of the answer first, because a loading page is not busy either.
  await visit.page.getByRole('link', { name: 'the article' }).waitFor({ timeout: 30_000 })
  await finished(visit.page)
  const stored = [...visit.fake.state.messages.values()].flat().filter((message) => message.role === 'assistant')
  expect(stored.at(-1)?.content).toBe(answer)
  expect(await visit.page.locator('.prose').last().innerText()).toContain('The expected length of a chain')
  expect(await visit.page.getByRole('link', { name: 'the article' }).count()).toBe(1)
  expect(visit.complaints).toEqual([])
}

it('sets up, connects a provider and starts a chat', async () => {
  const v = await visit(browser, { users: [] })
  const { page } = v
  await page.goto(v.fake.url)
  await page.getByLabel('Setup code').fill('nonsense')
  await page.getByLabel('User name').fill('lin')
  await page.getByLabel('Password', { exact: true }).fill('long-enough-1')
  await page.getByLabel('Password again').fill('long-enough-1')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByText('The setup code is missing or wrong.').waitFor()
  await page.getByLabel('Setup code').fill('TEST-CODE')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('button', { name: /DeepSeek/ }).click()
  await page.getByLabel('API key').fill('bad')
  await page.getByRole('button', { name: 'Test and continue' }).click()
  await page.getByText('The provider refused the key.').waitFor()
  await page.getByLabel('API key').fill('good')
  await page.getByRole('button', { name: 'Test and continue' }).click()
  await page.getByRole('option', { name: /gpt-small/ }).click()
  await page.getByRole('button', { name: 'Start chatting' }).click()
  await page.getByRole('heading', { name: /Hello lin/ }).waitFor()
  expect(await page.getByRole('button', { name: 'Choose a model: gpt-small' }).count()).toBe(1)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('streams an answer and has it after a reload', async () => {
  const v = await visit(browser, { tokenMs: 3 })
  await v.page.goto(v.fake.url)
  await ask(v.page, 'Explain hash tables')
  await v.page.getByText(/Thinking|Thought/).waitFor()
  await expectWhole(v)
  await v.page.locator('.katex').first().waitFor()
  await v.page.locator('.hl-keyword').first().waitFor()
  await v.page.reload()
  await expectWhole(v)
  await v.end()
})

it('makes few requests, and none without a reason', async () => {
  const v = await visit(browser, { chats: 5 })
  const asked: string[] = []
  v.page.on('request', (request) => asked.push(new URL(request.url()).pathname))
  await v.page.goto(v.fake.url)
  await v.page.getByRole('navigation').getByRole('link', { name: 'Notes on topic 1' }).waitFor()
  await v.page.waitForTimeout(1000)
  expect(asked.length, asked.join('\n')).toBeLessThanOrEqual(10)
  const loaded = asked.length
  await v.page.getByRole('navigation').getByRole('link', { name: 'Notes on topic 1' }).click()
  await v.page.getByText('This chat has no messages yet').waitFor()
  await v.page.waitForTimeout(1000)
  expect(
    asked
      .slice(loaded)
      .filter((path) => path.startsWith('/api'))
      .sort()
      .join(),
  ).toMatch(/^\/api\/drafts\/\d+,\/api\/sessions\/\d+\/messages$/)
  await v.end()
})

needs('held load')('requests the data of the page while its script is still loading, and nothing twice', async () => {
  const v = await visit(browser, { chats: 3 })
  await v.page.goto(v.fake.url)
  await v.page.getByRole('navigation').getByRole('link', { name: 'Notes on topic 1' }).click()
  await v.page.getByText('This chat has no messages yet').waitFor()
  const asked: string[] = []
  v.page.on('request', (request) => { if (request.url().includes('/api/')) asked.push(new URL(request.url()).pathname) })
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  await v.page.route('**/assets/index-*.js', async (route) => {
    await held
    await route.continue()
  })
  await v.page.reload({ waitUntil: 'commit' })
  const needed = [/auth\/me$/, /catalog\/models$/, /sessions$/, /sessions\/\d+\/messages$/, /settings\/branding$/]
  await expect.poll(() => needed.filter((one) => !asked.some((path) => one.test(path)))).toEqual([])
  release()
  await v.page.getByText('This chat has no messages yet').waitFor()
  await expect.poll(() => asked.some((path) => path.startsWith('/api/drafts'))).toBe(true)
  expect(asked.filter((path, at) => asked.indexOf(path) !== at)).toEqual([])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('goes on with a running answer after a reload and after a cut', async () => {
  const v = await visit(browser, { tokenMs: 8 })
  await v.page.goto(v.fake.url)
  v.fake.state.cutAfter = 60
  await ask(v.page, 'Explain hash tables')
  await v.page.getByRole('heading', { name: 'How it works' }).waitFor()
  await v.page.reload()
  v.fake.state.cutAfter = 40
  await expectWhole(v)
  await v.end()
})

it('stops, says so, and retries in place', async () => {
  const v = await visit(browser, { tokenMs: 5 })
  await v.page.goto(v.fake.url)
  v.fake.state.hold = true
  await ask(v.page, 'Explain hash tables')
  await v.page.getByRole('heading', { name: 'How it works' }).waitFor()
  await v.page.getByRole('textbox', { name: 'Write a message' }).press('Escape')
  await v.page.getByText('You stopped this answer.').waitFor()
  v.fake.state.hold = false
  await v.page.getByRole('button', { name: 'Retry' }).click()
  await expectWhole(v)
  expect(await v.page.getByText('You stopped this answer.').count()).toBe(0)
  await v.end()
})

it('loses nothing that was typed', async () => {
  const v = await visit(browser, { tokenMs: 3 })
  v.fake.state.say = 'Begun.'
  await v.page.goto(v.fake.url)
  await ask(v.page, 'Hello')
  await v.page.getByText('Begun.', { exact: true }).waitFor()
  await v.page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
  await ask(v.page, 'refuse this')
  await v.page.getByText('Not sent: Your messages for today are used up.').waitFor()
  await v.page.getByRole('textbox').fill('a half-written thought')
  await v.page.reload()
  await v.page.getByText('refuse this').first().waitFor()
  expect(await v.page.getByRole('textbox').inputValue()).toBe('a half-written thought')
  await v.page.getByRole('button', { name: 'Edit', exact: true }).last().click()
  expect(await v.page.getByRole('textbox').inputValue()).toBe('refuse this\n\na half-written thought')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('queues the next message while an answer is written', async () => {
  const v = await visit(browser, { tokenMs: 3 })
  await v.page.goto(v.fake.url)
  v.fake.state.hold = true
  await ask(v.page, 'first')
  await v.page.locator('article[aria-busy=true]').waitFor()
  await ask(v.page, 'second')
  await v.page.getByText('Sent next').waitFor()
  v.fake.state.hold = false
  await v.page.getByRole('article', { name: 'You' }).nth(1).waitFor()
  await finished(v.page)
  expect(await v.page.getByRole('article', { name: 'Assistant' }).count()).toBe(2)
  await v.end()
})

it('renames and deletes chats, and undoes it', async () => {
  const v = await visit(browser, { chats: 60 })
  const { page } = v
  await page.goto(v.fake.url)
  await page.getByRole('navigation').getByRole('link', { name: 'Notes on topic 1', exact: true }).dblclick()
  await page.getByLabel('Title of the chat').fill('Renamed')
  await page.keyboard.press('Enter')
  await page.getByRole('navigation').getByRole('link', { name: 'Renamed' }).waitFor()
  await page.getByRole('button', { name: 'Actions for “Renamed”' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await page.getByRole('navigation').getByRole('link', { name: 'Renamed' }).waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('navigation').getByRole('link', { name: 'Renamed' }).waitFor()
  await page.locator('nav .list').evaluate((list) => list.scrollTo(0, list.scrollHeight))
  await page.getByRole('navigation').getByRole('link', { name: 'Notes on topic 59' }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('lets a registrant wait until an administrator approves', async () => {
  const v = await visit(browser, { users: [admin] })
  v.fake.state.current = null
  await v.page.goto(`${v.fake.url}/register`)
  await v.page.getByLabel('User name').fill('mei_1')
  await v.page.getByLabel('Password', { exact: true }).fill('long-enough-1')
  await v.page.getByLabel('Password again').fill('long-enough-1')
  await v.page.getByRole('button', { name: 'Create account' }).click()
  await v.page.getByRole('heading', { name: 'Waiting for approval' }).waitFor()
  const mei = v.fake.state.users.at(-1)
  if (mei) mei.status = 'ACTIVE'
  await v.page.getByRole('button', { name: 'Check now' }).click()
  await v.page.getByRole('heading', { name: /Hello mei_1/ }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('says what is wrong with a login and keeps the name', async () => {
  const v = await visit(browser)
  v.fake.state.current = null
  await v.page.goto(v.fake.url)
  await v.page.getByLabel('User name').fill('lin')
  await v.page.getByLabel('Password', { exact: true }).fill('wrong-password')
  await v.page.getByRole('button', { name: 'Log in' }).click()
  await v.page.getByText('The user name or the password is wrong.').waitFor()
  expect(await v.page.getByLabel('User name').inputValue()).toBe('lin')
  await v.end()
})

it('speaks Chinese, follows the theme and fits a phone', async () => {
  const v = await visit(
    browser,
    { chats: 3 },
    { viewport: { width: 320, height: 640 }, locale: 'zh-CN', colorScheme: 'dark', hasTouch: true, isMobile: true },
  )
  await v.page.goto(v.fake.url)
  await v.page.getByRole('button', { name: '显示对话列表' }).tap()
  await v.page.getByRole('navigation').getByRole('link', { name: 'Notes on topic 1' }).tap()
  await v.page.getByText('这个对话还没有消息').waitFor()
  expect(await v.page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset['theme']])).toEqual(['zh-CN', 'dark'])
  expect(await v.page.evaluate(() => document.documentElement.scrollWidth)).toBe(320)
  expect(v.complaints).toEqual([])
  await v.end()
})
