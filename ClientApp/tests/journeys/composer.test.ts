import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, needs, visit, type Visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const box = ({ page }: Visit) => page.getByRole('textbox', { name: 'Write a message' })
const options = ({ page }: Visit) => page.getByRole('button', { name: 'Options for the answer' })

/** A PNG of this size, drawn by the browser. */
const picture = ({ page }: Visit, side: number) =>
  page.evaluate(async (size) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: size, height: size / 2 })
    canvas.getContext('2d')?.fillRect(0, 0, size / 2, size / 2)
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'))
    return [...new Uint8Array(await (blob ?? new Blob()).arrayBuffer())]
  }, side)

function pasteImage({ page }: Visit, bytes: number[]) {
  return page.evaluate((all) => {
    const data = new DataTransfer()
    data.items.add(new File([new Uint8Array(all)], 'shot.png', { type: 'image/png' }))
    document
      .querySelector('form.composer textarea')
      ?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  }, bytes)
}

function pasteText({ page }: Visit, length: number) {
  return page.evaluate((count) => {
    const data = new DataTransfer()
    data.setData('text/plain', 'word '.repeat(count / 5))
    document
      .querySelector('form.composer textarea')
      ?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  }, length)
}

needs('paste by script')('takes images by paste and choice, makes large ones small, keeps them, and shows them large', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  const { page } = v
  v.fake.state.say = 'I see.'
  await page.goto(v.fake.url)
  await box(v).waitFor()
  const sent = page.waitForRequest('**/api/images')
  await pasteImage(v, await picture(v, 4000))
  await page.getByRole('list', { name: 'Added to the message' }).getByRole('img').waitFor()
  // Sent and stored as bytes, never as text.
  expect(await page.getByRole('list', { name: 'Added to the message' }).getByRole('img').getAttribute('src')).toMatch(/^blob:/)
  expect((await sent).headers()['content-type']).toMatch(/^image\//)
  await page.getByRole('progressbar').waitFor({ state: 'detached' })
  const size = [...v.fake.state.images.values()][0]?.bytes
  expect(
    await page.evaluate(
      async (bytes) => {
        const map = await createImageBitmap(new Blob([new Uint8Array(bytes)]))
        return [map.width, map.height]
      },
      [...(size ?? [])],
    ),
  ).toEqual([2048, 1024])
  await page
    .locator('input[type=file]')
    .first()
    .setInputFiles({ name: 'two.png', mimeType: 'image/png', buffer: Buffer.from(await picture(v, 40)) })
  await page.getByRole('list', { name: 'Added to the message' }).getByRole('img').nth(1).waitFor()
  await expect.poll(() => v.fake.state.images.size).toBe(2)
  await page
    .locator('input[type=file]')
    .first()
    .setInputFiles({ name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('no image') })
  await page.getByText('This file is not an image').first().waitFor()
  expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
  await page.getByRole('button', { name: 'Remove the image' }).last().click()
  await page.reload()
  await page.getByRole('list', { name: 'Added to the message' }).getByRole('img').nth(1).waitFor()
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('I see.', { exact: true }).waitFor()
  expect(v.fake.state.asked.at(-1)).toMatchObject({ content: '', imageIds: [...v.fake.state.images.keys()] })
  expect(JSON.stringify(v.fake.state.asked.at(-1))).not.toContain('base64')
  for (const image of await page.getByRole('article', { name: 'You' }).getByRole('img').all())
    expect(await image.getAttribute('src')).toContain('chat-images/')
  expect(await page.locator('img[src^="data:"]').count()).toBe(0)
  await page.getByRole('button', { name: 'Show the image large' }).first().click()
  await page.getByRole('dialog', { name: 'Image' }).waitFor()
  await page.keyboard.press('ArrowRight')
  await page.getByText('2 / 2').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog', { name: 'Image' }).waitFor({ state: 'detached' })
  expect(v.complaints).toEqual([])
  await v.end()
})

needs('paste by script')('keeps a long pasted text as a block and refuses what a message cannot hold', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  v.fake.state.say = 'Read.'
  await v.page.goto(v.fake.url)
  await box(v).fill('Summarise this')
  await pasteText(v, 1_000_000)
  await v.page.getByText('The pasted text has 1,000,000 characters; a message holds 100,000.').waitFor()
  await pasteText(v, 30_000)
  await v.page.getByText('Pasted text, 30,000 characters').waitFor()
  expect(await box(v).inputValue()).toBe('Summarise this')
  await v.page.reload()
  await v.page.getByText('Pasted text, 30,000 characters').waitFor()
  await v.page.getByRole('button', { name: 'Send' }).click()
  await v.page.getByText('Read.', { exact: true }).waitFor()
  expect(String(v.fake.state.asked.at(-1)?.['content'])).toMatch(/^Summarise this\n\nword word/)
  expect(await v.page.getByText('Pasted text').count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('says at once that a typed message is too long, sends none of it and keeps all of it', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  await v.page.goto(v.fake.url)
  await box(v).fill('x'.repeat(100_001))
  await v.page.getByText('100,001 characters; the limit is 100,000.').waitFor()
  expect(await v.page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
  await v.page.keyboard.press('Enter')
  expect((await box(v).inputValue()).length).toBe(100_001)
  expect(v.fake.state.asked).toEqual([])
  expect(v.fake.state.sessions.size).toBe(0)
  v.fake.state.say = 'Read.'
  await box(v).fill('x'.repeat(100_000))
  await v.page.keyboard.press('Enter')
  await v.page.getByText('Read.', { exact: true }).waitFor()
  expect(String(v.fake.state.asked.at(-1)?.['content']).length).toBe(100_000)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('sends the options of an answer, shows those that differ from the default, and remembers them per chat', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  const { page } = v
  v.fake.state.say = 'Thought through.'
  v.fake.state.settings['webSearchEnabled'] = true
  await page.goto(v.fake.url)
  await options(v).click()
  await page.getByLabel('Reasoning').selectOption('high')
  await page.getByRole('switch', { name: 'Earlier messages' }).click()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Web search' }).click()
  await page.getByRole('button', { name: 'Without earlier messages' }).click()
  await box(v).fill('Think')
  await page.keyboard.press('Enter')
  await page.getByText('Thought through.', { exact: true }).waitFor()
  expect(v.fake.state.asked.at(-1)).toMatchObject({ reasoning: { enabled: true, effort: 'high' }, webSearch: true })
  expect(v.fake.state.asked.at(-1)).not.toHaveProperty('contextEnabled')
  await page.reload()
  await page.getByRole('button', { name: 'Reasoning: High' }).waitFor()
  await page.getByRole('button', { name: /tokens of context used/ }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('gives a chat instructions and parameters before and after it begins', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  const { page } = v
  v.fake.state.say = 'Briefly.'
  await page.goto(v.fake.url)
  const set = async (prompt: string, temperature: string) => {
    await options(v).click()
    await page.getByRole('button', { name: /Instructions and parameters/ }).click()
    await page.getByLabel('Instructions', { exact: true }).fill(prompt)
    await page.getByLabel('Temperature').fill(temperature)
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByRole('dialog', { name: 'Instructions and parameters' }).waitFor({ state: 'detached' })
  }
  await set('Be brief', '0.2')
  await box(v).fill('Hello')
  await page.keyboard.press('Enter')
  await page.getByText('Briefly.', { exact: true }).waitFor()
  const chat = () => [...v.fake.state.sessions.values()][0]
  expect(chat()).toMatchObject({ systemPrompt: 'Be brief', parameters: { temperature: 0.2 } })
  await set('', '')
  expect(chat()).toMatchObject({ systemPrompt: null, parameters: null })
  expect(v.complaints).toEqual([])
  await v.end()
})

it('edits and cancels waiting messages, and writes on the whole screen', async () => {
  const v = await visit(browser, { tokenMs: 30 })
  const { page } = v
  await page.goto(v.fake.url)
  v.fake.state.say = 'a long answer '.repeat(60)
  v.fake.state.hold = true // the first answer lasts until it is stopped
  await box(v).fill('first')
  await page.keyboard.press('Enter')
  await page.locator('article[aria-busy=true]').waitFor()
  for (const text of ['second', 'third']) {
    await box(v).fill(text)
    await page.keyboard.press('Enter')
  }
  await page.getByRole('button', { name: 'Do not send' }).nth(1).click()
  await page.getByRole('button', { name: 'Edit before it is sent' }).click()
  expect(await box(v).inputValue()).toBe('second')
  expect(await page.getByRole('list', { name: 'Sent next' }).count()).toBe(0)
  await box(v).fill(Array.from({ length: 30 }, (_, line) => `line ${line} of a long text`).join('\n'))
  await page.getByRole('button', { name: 'Write on the whole screen' }).click()
  await page.getByRole('dialog', { name: 'Message on the whole screen' }).getByRole('textbox').fill('short again')
  await page.keyboard.press('Control+Enter')
  await page.getByRole('list', { name: 'Sent next' }).getByText('short again').waitFor()
  // No open layer takes Escape, so it stops the answer, and the waiting message can be sent at once.
  await page.keyboard.press('Escape')
  await page.getByText('You stopped this answer.').waitFor()
  v.fake.state.say = 'Yes.'
  v.fake.state.hold = false
  await page.getByRole('button', { name: 'Send now' }).click()
  await page.getByText('Yes.', { exact: true }).waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('stores prompts, finds them after a slash, and asks for their variables', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(v.fake.url)
  await box(v).fill('/')
  await page.getByText('No prompts yet').waitFor()
  await page.getByRole('button', { name: 'Manage prompts' }).click()
  for (const [name, title, text] of [
    ['translate', 'Translate a text', 'Translate into {{language}}:\n{{text}}'],
    ['brief', 'Answer briefly', 'Answer in one sentence.'],
  ] as const) {
    await page.getByRole('button', { name: 'New prompt' }).click()
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Title').fill(title)
    await page.getByLabel('Text').fill(text)
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText(`/${name}`, { exact: true }).waitFor()
  }
  await page.getByRole('button', { name: 'Close' }).click()
  await box(v).fill('')
  await box(v).pressSequentially('/tr')
  await page.getByRole('option', { name: /translate/ }).waitFor()
  await page.keyboard.press('Enter')
  await page.getByLabel('language').fill('French')
  await page.getByLabel('text', { exact: true }).fill('Good day')
  await page.getByRole('button', { name: 'Insert' }).click()
  expect(await box(v).inputValue()).toBe('Translate into French:\nGood day')
  await box(v).fill('/brief')
  await page.getByRole('option', { name: /brief/ }).waitFor()
  await page.keyboard.press('Tab')
  expect(await box(v).inputValue()).toBe('Answer in one sentence.')
  expect(v.complaints).toEqual([])
  await v.end()
})
