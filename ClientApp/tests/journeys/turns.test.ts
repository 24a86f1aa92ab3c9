import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, needs, visit, type Visit } from './browser'

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

const texts = async (v: Visit) =>
  [...await mine(v).locator('.text').allInnerTexts(), ...await answers(v).locator('.prose').allInnerTexts()].map((text) => text.trim())

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
  await expect.poll(() => texts(v), { timeout: 5_000 }).toEqual(['one', 'Second answer'])
  await v.page.getByRole('button', { name: 'Version before' }).click()
  await v.page.getByText('Later answer', { exact: true }).waitFor()
  await expect.poll(() => texts(v), { timeout: 5_000 }).toEqual(['one', 'two', 'First answer', 'Later answer'])
  await v.page.reload()
  await v.page.getByText('Later answer', { exact: true }).waitFor()
  await v.page.getByText('1 / 2').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('edits a message and sends it in place of the old one, also the first', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  await v.page.goto(v.fake.url)
  await ask(v, 'a typo', 'About a typo')
  v.fake.state.say = 'About an edit'
  await mine(v).first().hover()
  await v.page.getByRole('button', { name: 'Edit' }).click()
  await v.page.getByLabel('Edit the message').fill('an edit')
  await v.page.getByRole('button', { name: 'Send', exact: true }).first().click()
  await v.page.getByText('About an edit', { exact: true }).waitFor()
  await expect.poll(() => texts(v), { timeout: 5_000 }).toEqual(['an edit', 'About an edit'])
  expect(v.fake.state.asked.at(-1)).toMatchObject({ parentId: null, content: 'an edit' })
  await v.page.getByRole('button', { name: 'Version before' }).click()
  await v.page.getByText('About a typo', { exact: true }).waitFor()
  await expect.poll(() => texts(v), { timeout: 5_000 }).toEqual(['a typo', 'About a typo'])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('goes on with a stopped answer in place', async () => {
  const v = await visit(browser, { tokenMs: 60 })
  await v.page.goto(v.fake.url)
  v.fake.state.hold = true // lasts until it is stopped
  v.fake.state.say = 'a rather long answer that is stopped on its way'
  await box(v).fill('go')
  await v.page.keyboard.press('Enter')
  await v.page.getByText('a rather').waitFor()
  await v.page.getByRole('button', { name: 'Stop' }).click()
  await v.page.getByText('You stopped this answer.').waitFor()
  v.fake.state.hold = false
  v.fake.state.say = 'and its end'
  await v.page.getByRole('button', { name: 'Continue' }).click()
  await v.page.getByText(/^a rather.* and its end$/).waitFor()
  expect(await answers(v).count()).toBe(1)
  expect(await v.page.getByText('You stopped').count()).toBe(0)
  await v.end()
})

it('deletes a message and all after it, and undoes it', async () => {
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
  await expect.poll(() => texts(v), { timeout: 5_000 }).toEqual(['one', 'First answer'])
  await v.page.getByRole('button', { name: 'Undo' }).click()
  await expect.poll(() => texts(v), { timeout: 5_000 }).toEqual(['one', 'two', 'First answer', 'Later answer'])
  await remove()
  // The next message waits for the removal, so that it does not follow a deleted one.
  await ask(v, 'three', 'Third answer')
  await expect.poll(() => texts(v), { timeout: 5_000 }).toEqual(['one', 'three', 'First answer', 'Third answer'])
  await v.page.reload()
  await v.page.getByText('Third answer', { exact: true }).waitFor()
  await expect.poll(() => texts(v), { timeout: 5_000 }).toEqual(['one', 'three', 'First answer', 'Third answer'])
  expect(v.complaints).toEqual([])
  await v.end()
})

needs('late routes')('ignores a list of messages that is older than the last message', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  await v.page.goto(v.fake.url)
  await ask(v, 'one', 'First answer')
  await ask(v, 'two', 'Later answer')
  // The list after a removal is requested while the next message is sent, and arrives after its answer.
  let release: () => void = () => undefined
  const answered = new Promise<void>((resolve) => (release = resolve))
  await v.page.route('**/api/sessions/*/messages?*', async (route) => {
    const list = await route.fetch()
    const { items, nextCursor } = await list.json() as { items: unknown[]; nextCursor: string | null }
    await answered
    await route.fulfill({ json: { items: items.slice(0, 2), nextCursor } })
  }, { times: 1 })
  await mine(v).nth(1).hover()
  await mine(v).nth(1).getByRole('button', { name: 'More actions' }).click()
  await v.page.getByRole('menuitem', { name: 'Delete from here' }).click()
  await ask(v, 'three', 'Third answer')
  const again = v.page.waitForResponse((response) => response.request().method() === 'GET' && /\/messages\?/.test(response.url()))
  release()
  await (await again).finished()
  const newest = await v.page.waitForResponse((response) => response.request().method() === 'GET' && /\/messages\?/.test(response.url()))
  await newest.finished()
  await v.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))
  await expect.poll(() => texts(v), { timeout: 5_000 }).toEqual(['one', 'three', 'First answer', 'Third answer'])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('opens a new chat from a message, answers with another model, and shows what an answer cost', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  await v.page.goto(v.fake.url)
  await ask(v, 'one', 'First answer')
  await v.page.getByRole('button', { name: 'About this answer' }).click()
  await v.page.getByText('$0.0012').waitFor()
  expect(await v.page.getByRole('definition').allInnerTexts()).toEqual(expect.arrayContaining(['40', '$0.0009']))
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
  await expect.poll(() => texts(v), { timeout: 5_000 }).toEqual(['one', 'First answer'])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('shows what tools did, and opens what the answer cites', async () => {
  const v = await visit(browser, { tokenMs: 2 })
  v.fake.state.tools = [
    {
      id: 'a',
      name: 'web_search',
      status: 'succeeded',
      arguments: '{"query":"tallest tree"}',
      result: JSON.stringify([
        { number: 1, title: 'Hyperion', url: 'https://example.org/hyperion', text: 'A coast redwood.' },
        { number: 2, title: 'Bad', url: 'javascript:alert(1)', text: '' },
      ]),
    },
    { id: 'b', name: 'lookup', status: 'failed', arguments: '{"key":1}', error: 'No such key.' },
  ]
  await v.page.goto(v.fake.url)
  await box(v).fill('How tall?')
  v.fake.state.say = 'It is 116 m tall [1], in words [ref_1], [doc1] and ^[1]^, not 200 [2] or [ref_2] or `a[1]`. The end.'
  await v.page.keyboard.press('Enter')
  await v.page.getByText('The end.').waitFor()
  const cited = answers(v).getByRole('link', { name: '1', exact: true }).first()
  expect(await cited.getAttribute('href')).toBe('https://example.org/hyperion')
  expect((await answers(v).locator('.prose').innerText()).trim()).toBe(
    'It is 116 m tall 1, in words 1, 1 and 1, not 200 [2] or [ref_2] or a[1]. The end.',
  )
  await v.page.getByText('Searched for “tallest tree”').click()
  await v.page.getByRole('link', { name: 'Hyperion' }).waitFor()
  await v.page.getByText('1 source').waitFor()
  await v.page.getByText('lookup').click()
  await v.page.getByText('No such key.').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})

it('finds words in a long chat, far above and on another branch', async () => {
  const v = await visit(browser, { tokenMs: 2, chats: 1 })
  const sid = [...v.fake.state.sessions.keys()][0] ?? 0
  v.fake.state.messages.set(
    sid,
    Array.from({ length: 240 }, (_, i) => ({
      id: 1000 + i,
      sessionId: sid,
      parentId: i === 0 ? null : 999 + i,
      role: i % 2 === 0 ? ('user' as const) : ('assistant' as const),
      content: i === 9 ? 'Far above stands the word kumquat.' : `Message ${i}`,
      status: 'done' as const,
      createdAt: '2026-11-20T08:00:00.000Z',
    })),
  )
  v.fake.state.messages
    .get(sid)
    ?.push({
      id: 5000,
      sessionId: sid,
      parentId: 1010,
      role: 'assistant',
      content: 'Elsewhere a kumquat too.',
      status: 'done',
      createdAt: '2026-11-20T09:00:00.000Z',
    })
  v.fake.state.leaves.set(sid, 1239)
  await v.page.goto(`${v.fake.url}/c/${sid}`)
  await v.page.getByText('Message 239', { exact: true }).waitFor()
  expect(await v.page.locator('article').count()).toBeLessThan(80)
  await v.page.getByRole('button', { name: 'Find in this chat' }).click()
  await v.page.getByRole('textbox', { name: 'Find in this chat' }).fill('kumquat')
  await v.page.getByText('2 / 2').first().waitFor()
  await v.page.getByText('Elsewhere a kumquat').waitFor()
  await v.page.keyboard.press('Enter')
  await v.page.getByText('Far above stands the word').waitFor()
  await expect
    .poll(() =>
      v.page.getByText('Far above stands the word').evaluate((node) => {
        const { top } = node.getBoundingClientRect()
        return top > 0 && top < innerHeight
      }),
    )
    .toBe(true)
  await v.page.getByRole('textbox', { name: 'Find in this chat' }).press('Escape')
  expect(await v.page.getByRole('textbox', { name: 'Find in this chat' }).count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})
