import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const box = (page: Page) => page.getByRole('textbox', { name: 'Write a message' })

async function say(page: Page, text: string) {
  const answers = await page.getByRole('article', { name: 'Assistant' }).count()
  await box(page).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByRole('article', { name: 'Assistant' }).nth(answers).waitFor()
  await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
}

it('says where the memory of the model begins, summarises what is before, and starts afresh', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page, fake } = v
  fake.state.say = 'Yes.'
  fake.state.context = { promptTokens: 7800, contextLimit: 8192, trimmedMessages: 2, messageTokens: 6000 }
  await page.goto(fake.url)
  await say(page, 'My name is Ann')
  await say(page, 'I like tea')
  await say(page, 'Go on')

  await page.getByRole('button', { name: /of context used/ }).click()
  const panel = page.getByRole('dialog', { name: 'Context' })
  await panel.getByText('2 earlier messages are not sent.').waitFor()
  await panel.getByText(/7,800 of 8,192 tokens/).waitFor()
  await page.keyboard.press('Escape')
  const line = page.getByRole('note')
  await line.getByText('The model’s memory begins here.').waitFor()
  expect(await line.evaluate((node) => node.nextElementSibling?.textContent)).toContain('I like tea')

  await line.getByRole('button', { name: 'Summarise them' }).click()
  const summary = page.getByRole('region', { name: 'Summary of the messages above' })
  await summary.getByText('Ann likes tea.').waitFor()
  expect(await line.count()).toBe(0)
  await page.getByText('My name is Ann').last().waitFor()
  await summary.getByRole('button', { name: 'Edit summary' }).click()
  await summary.getByRole('textbox').fill('Ann likes coffee.')
  await summary.getByRole('button', { name: 'Save' }).click()
  await page.reload()
  await summary.getByText('Ann likes coffee.').waitFor()
  await summary.getByRole('button', { name: 'Send the messages again' }).click()
  await summary.waitFor({ state: 'detached' })

  await page.getByRole('button', { name: /of context used/ }).click()
  await panel.getByRole('button', { name: 'Start fresh with this message' }).click()
  await page.getByRole('region', { name: 'A fresh start' }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('says before it is sent what the model cannot take, and offers one that can', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page, fake } = v
  await page.route('**/api/catalog/models', async (route) => {
    const model = (name: string, vision: boolean) => ({
      id: name, model: name, name, connectionId: 1, provider: 'openai', connectionName: 'x', contextLimit: 1000, capabilities: { vision },
    })
    await route.fulfill({ json: { items: [{ ...model('blind', false), isDefault: true }, model('seeing', true)] } })
  })
  await page.goto(fake.url)
  await box(page).fill('word '.repeat(700))
  await page.getByText(/This message alone has about 875 tokens; the model reads 1,000/).waitFor()
  await box(page).fill('What is this?')
  await page.getByText(/This message alone/).waitFor({ state: 'detached' })

  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')
  await page.locator('input[type=file]').first().setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: png })
  await page.getByText('blind cannot see images.').waitFor()
  expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
  expect(fake.state.sessions.size).toBe(0)
  await page.getByRole('button', { name: 'Use seeing' }).click()
  await page.getByText('blind cannot see images.').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Choose a model: seeing' }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('tells that the provider is asked again, and of a message that was not sent never that it was answered', async () => {
  const v = await visit(browser, { tokenMs: 1 })
  const { page, fake } = v
  fake.state.say = 'A long answer. '.repeat(20)
  fake.state.hold = true
  fake.state.retry = { code: 'provider_rate_limited', detail: 'slow down', waitMs: 0, model: 'demo', connectionName: 'Demo' }
  await page.goto(fake.url)
  await box(page).fill('Hello')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('The provider’s rate limit is reached. Wait a moment. Asking again with another key…').waitFor()
  fake.state.hold = false
  await page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })

  await page.route('**/api/chat/stream', (route) => route.fulfill({ status: 422, json: { code: 'validation_failed', status: 422 } }))
  await box(page).fill('Refused')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText(/Not sent/).waitFor()
  expect(await page.locator('[role=status]', { hasText: 'Answer finished' }).count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})
