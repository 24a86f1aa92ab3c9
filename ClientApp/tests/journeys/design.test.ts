import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const box = (page: Page) => page.getByRole('textbox', { name: 'Write a message' })
const active = (page: Page) => page.evaluate(() => document.activeElement?.textContent.trim())
/** Not innerText: WebKit ends it with a line end. */
const words = async (place: Locator) => (await place.textContent())?.trim()

async function ask(page: Page, text: string) {
  await box(page).fill(text)
  await page.keyboard.press('Enter')
  await page.getByRole('article', { name: 'You' }).getByText(text, { exact: true }).waitFor()
  await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
}

it('names the chat in its header, where a click renames it, and marks what holds for it', async () => {
  const v = await visit(browser, { chats: 2, tokenMs: 1 })
  const { page } = v
  const [sid = 0] = v.fake.state.sessions.keys()
  Object.assign(v.fake.state.sessions.get(sid) ?? {}, { title: 'Old name', systemPrompt: 'Be brief', parameters: { temperature: 0.2 } })
  await page.goto(`${v.fake.url}/c/${sid}`)
  const heading = page.getByRole('heading', { level: 1 })
  await heading.getByText('Old name').click()
  await page.getByLabel('Title of the chat').fill('New name')
  await page.keyboard.press('Enter')
  await page.getByRole('navigation').getByRole('link', { name: 'New name' }).waitFor()
  await expect.poll(() => v.fake.state.sessions.get(sid)?.title).toBe('New name')
  await heading.getByText('New name').click()
  await page.keyboard.type('lost')
  await page.keyboard.press('Escape')
  expect(await words(heading)).toBe('New name')

  const header = page.locator('header', { has: heading })
  expect(await header.getByRole('button', { name: 'Parameters' }).getAttribute('title')).toBe('Temperature: 0.2')
  await header.getByRole('button', { name: 'Instructions' }).click()
  await page.getByRole('dialog', { name: 'Instructions and parameters' }).waitFor()
  await page.keyboard.press('Escape')

  await page.keyboard.press('Control+Shift+O')
  await page.getByRole('switch', { name: 'Temporary chat', checked: false }).click()
  await page.getByRole('switch', { name: 'Temporary chat', checked: true }).waitFor()
  v.fake.state.say = 'Soon gone.'
  await ask(page, 'In secret')
  await page.locator('header').getByText('Temporary chat').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('begins with suggestions of one’s own, pinned prompts and recent chats, around the composer', async () => {
  const v = await visit(browser, { chats: 6 })
  const { page } = v
  v.fake.state.settings['suggestions'] = ['What does our handbook say?']
  const brief = { id: 7, name: 'brief', title: 'In one sentence', text: 'One sentence:', variables: [], shared: false, own: true }
  v.fake.state.prompts.push(brief)
  await page.goto(v.fake.url)
  const middle = async () => {
    const place = await page.locator('form.composer').boundingBox()
    return ((place?.y ?? 0) + (place?.height ?? 0) / 2) / 800
  }
  await page.getByRole('region', { name: 'Recent chats' }).getByRole('link', { name: 'Notes on topic 1' }).waitFor()
  expect(await middle()).toBeGreaterThan(0.35)
  expect(await middle()).toBeLessThan(0.65)
  await page.getByRole('button', { name: 'What does our handbook say?' }).click()
  expect(await box(page).inputValue()).toBe('What does our handbook say?')

  await page.getByRole('button', { name: 'Edit these suggestions' }).click()
  await page.getByLabel('Suggestions', { exact: true }).fill('Translate, please\n\n  Plan my day ')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('button', { name: 'Plan my day' }).waitFor()
  expect(v.fake.state.personal).toMatchObject({ suggestions: ['Translate, please', 'Plan my day'] })

  await box(page).fill('')
  await page.getByRole('button', { name: 'Prompt library' }).click()
  await page.getByRole('button', { name: 'Manage prompts' }).click()
  await page.getByRole('button', { name: 'Show “brief” on a new chat' }).click()
  await page.getByRole('button', { name: 'Close' }).click()
  await page.reload()
  await page.getByRole('button', { name: 'In one sentence' }).click()
  expect(await box(page).inputValue()).toBe('One sentence:')
  // Chosen in the library, it comes behind what is written.
  await box(page).fill('About tides.')
  await page.getByRole('button', { name: 'Prompt library' }).click()
  await page.getByRole('option', { name: /brief/ }).click()
  expect(await box(page).inputValue()).toBe('About tides.\n\nOne sentence:')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('switches reasoning and search where the model has them, and shows neither where not', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page } = v
  v.fake.state.settings['webSearchEnabled'] = true
  v.fake.state.say = 'Yes.'
  const plain = { id: 5, name: 'Plain', provider: 'openai', baseUrl: 'http://127.0.0.1:9/v1', authType: 'none', enabled: true }
  v.fake.state.connections.push(plain)
  await page.goto(v.fake.url)
  const reasoning = page.getByRole('button', { name: 'Reasoning' })
  const search = page.getByRole('button', { name: 'Web search' })
  await page.getByRole('button', { name: /Choose a model/ }).click()
  await page.getByRole('option', { name: /gpt-small/ }).first().click()
  await expect.poll(() => search.count()).toBe(0)
  await page.getByRole('button', { name: /Choose a model/ }).click()
  await page.getByRole('combobox').fill('demo')
  await page.keyboard.press('Enter')
  expect(await reasoning.getAttribute('aria-pressed')).toBe('true')
  await reasoning.click()
  await search.click()
  await ask(page, 'Now')
  expect(v.fake.state.asked.at(-1)).toMatchObject({ reasoning: { enabled: false }, webSearch: true })
  await reasoning.click()
  await ask(page, 'Then')
  expect(v.fake.state.asked.at(-1)).not.toHaveProperty('reasoning')
  expect(v.complaints).toEqual([])
  await v.end()
})

it('is worked by keys: the list is one stop, and what was said last is at hand', async () => {
  const v = await visit(browser, { chats: 4, tokenMs: 1 })
  const { page } = v
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  v.fake.state.say = 'The last answer.'
  await page.goto(v.fake.url)
  await ask(page, 'First words')

  await page.keyboard.press('ArrowUp')
  expect(await page.getByLabel('Edit the message').inputValue()).toBe('First words')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+Shift+C')
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe('The last answer.')

  const list = page.getByRole('navigation').locator('a[data-chat]')
  expect(await list.evaluateAll((links) => links.filter((link) => (link as HTMLElement).tabIndex === 0).length)).toBe(1)
  await list.first().focus()
  await page.keyboard.press('ArrowDown')
  expect(await active(page)).toBe(await words(list.nth(1)))
  await page.keyboard.press('End')
  expect(await active(page)).toBe(await words(list.last()))
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: /Rename/ }).waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Shift+Escape')
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('TEXTAREA')
  await page.keyboard.press('Control+b')
  await page.getByRole('navigation').waitFor({ state: 'detached' })
  await page.keyboard.press('Control+b')
  await page.getByRole('navigation').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('quotes what was selected in an answer, formulas as they were written', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page } = v
  v.fake.state.say = 'The price is high.\n\nIt costs $O(1)$ each.'
  await page.goto(v.fake.url)
  await ask(page, 'Why?')
  await page.locator('.katex').waitFor()
  await box(page).fill('I read:')
  await page.locator('article .prose').last().selectText()
  await page.locator('article .prose').last().dispatchEvent('pointerup')
  await page.getByRole('button', { name: 'Quote' }).click()
  expect(await box(page).inputValue()).toBe('I read:\n\n> The price is high.\n>\n> It costs $O(1)$ each.\n\n')
  expect(await page.getByRole('button', { name: 'Quote' }).count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('lists every link one has shared, and ends one', async () => {
  const v = await visit(browser, { chats: 3 })
  const { page } = v
  await page.goto(v.fake.url)
  await page.evaluate(async (ids) => {
    const request = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }
    for (const id of ids) await fetch(`/api/sessions/${id}/share`, request)
  }, [...v.fake.state.sessions.keys()].slice(0, 2))
  await page.goto(`${v.fake.url}/settings/shares`)
  await page.getByRole('link', { name: /\/share\// }).nth(1).waitFor()
  await page.getByRole('button', { name: 'End sharing: Notes on topic 1' }).click()
  await expect.poll(() => page.getByRole('link', { name: /\/share\// }).count()).toBe(1)
  await page.reload()
  await expect.poll(() => page.getByRole('link', { name: /\/share\// }).count()).toBe(1)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('keeps no chat whose first message was refused, and gives the message back', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(v.fake.url)
  await box(page).fill('refuse this')
  await page.keyboard.press('Enter')
  await page.getByText('Not sent: Your messages for today are used up.').waitFor()
  expect(await box(page).inputValue()).toBe('refuse this')
  expect(new URL(page.url()).pathname).toBe('/')
  await expect.poll(() => v.fake.state.sessions.size).toBe(0)
  expect(await page.getByText('No chats yet').count()).toBe(1)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('folds the list away by itself on a tablet held upright, and lays it over the chat', async () => {
  const v = await visit(browser, { chats: 3 }, { viewport: { width: 768, height: 1024 } })
  const { page } = v
  await page.goto(v.fake.url)
  await page.getByRole('heading', { name: /Hello lin/ }).waitFor()
  expect(await page.getByRole('link', { name: 'New chat' }).count()).toBe(0)
  await page.getByRole('button', { name: 'Show the chat list' }).click()
  await page.getByRole('navigation').getByRole('link', { name: 'Notes on topic 1' }).click()
  await expect.poll(() => page.locator('.drawer').evaluate((drawer) => (drawer as HTMLElement).inert)).toBe(true)
  await page.locator('nav').waitFor({ state: 'hidden' }) // it slides away
  await page.getByRole('link', { name: 'New chat' }).and(page.locator('header a')).waitFor()
  await page.setViewportSize({ width: 1024, height: 768 })
  await page.locator('.drawer').waitFor({ state: 'detached' })
  await page.getByRole('navigation').getByRole('link', { name: 'New chat' }).waitFor()
  expect(await page.getByRole('link', { name: 'New chat' }).count()).toBe(1)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('folds long code when it is complete as after a reload, and draws one’s own Markdown only when asked to', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page } = v
  v.fake.state.say = `\`\`\`js\n${'let a = 1\n'.repeat(40)}\`\`\`\n\nThat is all.`
  await page.goto(v.fake.url)
  await ask(page, 'Some **code**')
  const unfold = page.getByRole('button', { name: 'Show all' })
  await unfold.waitFor()
  await page.reload()
  await unfold.waitFor()
  expect(await page.getByRole('article', { name: 'You' }).locator('strong').count()).toBe(0)
  await page.goto(`${v.fake.url}/settings/appearance`)
  await page.getByRole('switch', { name: 'Draw my own messages as Markdown' }).click()
  await expect.poll(() => v.fake.state.personal).toMatchObject({ ownMarkdown: true })
  await page.goBack()
  await page.getByRole('article', { name: 'You' }).locator('strong').getByText('code').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})
