import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit, type Visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const box = ({ page }: Visit) => page.getByRole('textbox', { name: 'Write a message' })
const mine = ({ page }: Visit) => page.getByRole('article', { name: 'You' })
const answers = ({ page }: Visit) => page.getByRole('article', { name: 'Assistant' })

async function ask(v: Visit, text: string, answer: string) {
  v.fake.state.say = answer
  await box(v).fill(text)
  await v.page.keyboard.press('Enter')
  await v.page.getByText(answer, { exact: true }).last().waitFor()
  await v.page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
}

const texts = async (v: Visit) => [...await mine(v).locator('.text').allInnerTexts(), ...await answers(v).locator('.prose').allInnerTexts()]

it('answers again, keeps every version, and switches between them', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  await v.page.goto(v.fake.url)
  await ask(v, 'one', 'First answer')
  await ask(v, 'two', 'Later answer')
  v.fake.state.say = 'Second answer'
  await answers(v).first().hover()
  await answers(v).first().getByRole('button', { name: 'Answer again', exact: true }).click()
  await v.page.getByText('Second answer', { exact: true }).waitFor()
  await v.page.getByText('2 / 2').waitFor()
  expect(await texts(v)).toEqual(['one', 'Second answer'])
  await v.page.getByRole('button', { name: 'Version before' }).click()
  await v.page.getByText('Later answer', { exact: true }).waitFor()
  expect(await texts(v)).toEqual(['one', 'two', 'First answer', 'Later answer'])
  await v.page.reload()
  await v.page.getByText('Later answer', { exact: true }).waitFor()
  await v.page.getByText('1 / 2').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('edits a message and sends it in place of the old one, also the very first', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  await v.page.goto(v.fake.url)
  await ask(v, 'a typo', 'About a typo')
  v.fake.state.say = 'About an edit'
  await mine(v).first().hover()
  await v.page.getByRole('button', { name: 'Edit' }).click()
  await v.page.getByLabel('Edit the message').fill('an edit')
  await v.page.getByRole('button', { name: 'Send', exact: true }).first().click()
  await v.page.getByText('About an edit', { exact: true }).waitFor()
  expect(await texts(v)).toEqual(['an edit', 'About an edit'])
  expect(v.fake.state.asked.at(-1)).toMatchObject({ parentId: null, content: 'an edit' })
  await v.page.getByRole('button', { name: 'Version before' }).click()
  await v.page.getByText('About a typo', { exact: true }).waitFor()
  expect(await texts(v)).toEqual(['a typo', 'About a typo'])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('goes on with a stopped answer in place', async () => {
  const v = await visit(browser, { tokenMs: 60 })
  await v.page.goto(v.fake.url)
  v.fake.state.say = 'a rather long answer that is stopped on its way'
  await box(v).fill('go')
  await v.page.keyboard.press('Enter')
  await v.page.getByText('a rather').waitFor()
  await v.page.getByRole('button', { name: 'Stop' }).click()
  await v.page.getByText('You stopped this answer.').waitFor()
  v.fake.state.say = 'and its end'
  await v.page.getByRole('button', { name: 'Continue' }).click()
  await v.page.getByText(/^a rather.* and its end$/).waitFor()
  expect(await answers(v).count()).toBe(1)
  expect(await v.page.getByText('You stopped').count()).toBe(0)
  await v.end()
})

it('deletes from a message on, with a way back', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  await v.page.goto(v.fake.url)
  await ask(v, 'one', 'First answer')
  await ask(v, 'two', 'Later answer')
  const remove = async () => {
    await mine(v).nth(1).hover()
    await mine(v).nth(1).getByRole('button', { name: 'More actions' }).click()
    await v.page.getByRole('menuitem', { name: 'Delete from here' }).click()
    await v.page.getByText('2 messages were deleted').waitFor()
  }
  await remove()
  expect(await texts(v)).toEqual(['one', 'First answer'])
  await v.page.getByRole('button', { name: 'Undo' }).click()
  expect(await texts(v)).toEqual(['one', 'two', 'First answer', 'Later answer'])
  await remove()
  // What is said next waits for the removal instead of following on what is gone.
  await ask(v, 'three', 'Third answer')
  expect(await texts(v)).toEqual(['one', 'three', 'First answer', 'Third answer'])
  await v.page.reload()
  await v.page.getByText('Third answer', { exact: true }).waitFor()
  expect(await texts(v)).toEqual(['one', 'three', 'First answer', 'Third answer'])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('opens a new chat from a message, answers with another model, and shows what an answer cost', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  await v.page.goto(v.fake.url)
  await ask(v, 'one', 'First answer')
  await v.page.getByRole('button', { name: 'About this answer' }).click()
  await v.page.getByText('$0.0012').waitFor()
  const menu = () => answers(v).last().getByRole('button', { name: 'More actions' })
  await menu().click()
  await v.page.getByRole('menuitem', { name: 'Answer again with…' }).click()
  await v.page.getByRole('dialog').getByRole('option', { name: /Demo/ }).click()
  await v.page.getByText('2 / 2').waitFor()
  expect(v.fake.state.asked.at(-1)).toMatchObject({ model: 'demo', connectionId: 0 })
  await v.page.locator('article[aria-busy=true]').waitFor({ state: 'detached' })
  const before = v.page.url()
  await menu().click()
  await v.page.getByRole('menuitem', { name: 'New chat from here' }).click()
  await v.page.waitForURL((url) => url.href !== before)
  expect(await texts(v)).toEqual(['one', 'First answer'])
  expect(v.complaints).toEqual([])
  await v.end()
})
