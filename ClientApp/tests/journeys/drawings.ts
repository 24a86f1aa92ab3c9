import type { Browser, Page } from 'playwright-core'
import { expect } from 'vitest'
import { visit, type Visit } from './browser'

const sid = 77
// Diagrams far from the window are not drawn.
export const tall = { viewport: { width: 1280, height: 4_000 } }

/** Opens a chat with one stored answer. */
export async function read(
  browser: Browser,
  content: string,
  device: Parameters<typeof visit>[2] = {},
  prepare: (v: Visit) => unknown = () => undefined,
): Promise<Visit & { foreign: string[] }> {
  const v = await visit(browser, {}, device)
  const createdAt = new Date().toISOString()
  v.fake.state.sessions.set(sid, {
    id: sid,
    title: 'Diagrams',
    connectionId: null,
    model: null,
    createdAt,
    updatedAt: createdAt,
    activeRunMessageId: null,
  } as never)
  v.fake.state.messages.set(sid, [
    { id: 1, sessionId: sid, parentId: null, role: 'user', content: 'Draw it', status: 'done', createdAt },
    { id: 2, sessionId: sid, parentId: 1, role: 'assistant', content, status: 'done', model: 'demo', createdAt },
  ])
  await prepare(v)
  const foreign: string[] = []
  v.context.on('request', (request) => {
    if (!request.url().startsWith(v.fake.url) && !request.url().startsWith('blob:')) foreign.push(request.url())
  })
  await v.page.goto(`${v.fake.url}/c/${sid}`)
  return { ...v, foreign }
}

export const fence = (source: string) => `\`\`\`mermaid\n${source}\n\`\`\``
export const flow = fence(
  'flowchart LR\n  accTitle: How an answer is made\n' +
    '  A[Question] --> B{Allowed?}\n  B -- yes --> C[(Database)]\n  B -- no --> D[Refused]\n  C --> E[Answer]',
)
export const sequence = fence(
  'sequenceDiagram\n  participant B as Browser\n  participant S as Server\n' +
    '  B->>S: question\n  S-->>B: answer, token by token\n  Note over B,S: any device may attach',
)
export const drawn = (page: Page) => page.locator('.drawing img')

// Where the page would stand still, it draws only what is small by itself.
export const notByItself = 'Not drawn by itself: in this browser the page stands still meanwhile.'
export const offers = (page: Page) => page.getByRole('button', { name: /^Draw \(may take (\d+ s|long)\)$/ })

export async function drawAll(page: Page): Promise<void> {
  for (let left = await offers(page).count(); left > 0; left--) {
    await offers(page).first().click()
    await expect.poll(() => offers(page).count(), { timeout: 120_000 }).toBeLessThan(left)
  }
}

/** The text of the file that a click saves. */
export async function saved(page: Page, click: () => Promise<void>): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent('download'), click()])
  expect(download.suggestedFilename()).toMatch(/^diagram(\(\d+\))?\.svg$/) // Firefox numbers the second one
  let text = ''
  for await (const part of await download.createReadStream()) text += String(part)
  return text
}
