import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, needs, visit, type Visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const clip = { permissions: ['clipboard-read', 'clipboard-write'] }

const question = 'See https://example.com/a，谢谢\n- one\n- two'

async function read(content: string): Promise<Visit> {
  const v = await visit(browser, {}, clip)
  const createdAt = new Date().toISOString()
  v.fake.state.sessions.set(5, {
    id: 5,
    title: 'Copying',
    connectionId: null,
    model: null,
    createdAt,
    updatedAt: createdAt,
    activeRunMessageId: null,
  } as never)
  v.fake.state.messages.set(5, [
    { id: 1, sessionId: 5, parentId: null, role: 'user', content: question, status: 'done', createdAt },
    { id: 2, sessionId: 5, parentId: 1, role: 'assistant', content, status: 'done', model: 'demo', createdAt },
  ])
  await v.page.goto(`${v.fake.url}/c/5`)
  await v.page.locator('.prose').waitFor()
  return v
}

const clipboard = (v: Visit, type: string) =>
  v.page.evaluate(async (wanted) => {
    const [item] = await navigator.clipboard.read()
    return item?.types.includes(wanted) ? (await item.getType(wanted)).text() : ''
  }, type)

it('copies an answer as Markdown and rich text, a selected formula as TeX, and a table as CSV', async () => {
  const rows = Array.from({ length: 45 }, (_, at) => `| ${at} | **v${at}** |`).join('\n')
  const v = await read(`Euler: $e^{i\\pi}+1=0$ is nice.\n\n| n | value |\n|---|---|\n${rows}\n\nEnd[^1].\n\n[^1]: A note.\n`)
  const answer = v.page.getByRole('article', { name: 'Assistant' })

  // Forty rows, then the button that shows all.
  expect(await answer.locator('tbody tr').count()).toBe(40)
  await answer.getByRole('button', { name: 'Show all 45 rows' }).click()
  expect(await answer.locator('tbody tr').count()).toBe(45)

  await v.page.locator('.prose p').first().scrollIntoViewIfNeeded()
  await v.page.locator('.katex').first().waitFor()
  await v.page.evaluate(() => {
    const range = document.createRange()
    range.selectNodeContents(document.querySelector('.prose p') as Element)
    getSelection()?.removeAllRanges()
    getSelection()?.addRange(range)
  })
  await v.page.keyboard.press('Control+c')
  await expect.poll(() => v.page.evaluate(() => navigator.clipboard.readText())).toBe('Euler: $e^{i\\pi}+1=0$ is nice.')

  await answer.hover()
  await answer.getByRole('button', { name: 'Copy', exact: true }).click()
  await expect.poll(() => clipboard(v, 'text/plain')).toContain('| 44 | **v44** |')
  expect(await clipboard(v, 'text/html')).toContain('<strong>v44</strong>')

  await answer.locator('.table').hover()
  await answer.getByRole('button', { name: 'Copy the table' }).click()
  await v.page.getByRole('menuitem', { name: 'Copy as CSV' }).click()
  await expect.poll(() => clipboard(v, 'text/plain')).toMatch(/n,value\r?\n0,v0/) // a clipboard may hold lines its own way

  // A reference leads to its note and back.
  await answer.locator('a.note-ref').click()
  await expect.poll(() => v.page.evaluate(() => document.activeElement?.textContent ?? '')).toContain('A note.')
  await answer.getByRole('link', { name: 'Back to the text' }).click()
  await expect.poll(() => v.page.evaluate(() => document.activeElement?.className)).toBe('note-ref')
  expect(v.page.url()).not.toContain('#')

  const own = v.page.getByRole('article', { name: 'You' })
  expect(await own.locator('a').getAttribute('href')).toBe('https://example.com/a')
  expect(await own.locator('li').allTextContents()).toEqual(['one', 'two'])
  expect(v.complaints).toEqual([])
  await v.end()
})

it('keeps the head of a long code block in reach', async () => {
  const v = await read(`\`\`\`js title="src/long.js"\n${'let a = 1\n'.repeat(120)}\`\`\`\n\nEnd.`)
  const figure = v.page.locator('figure.code')
  expect(await figure.locator('.language').textContent()).toBe('src/long.js')
  await figure.getByRole('button', { name: 'Show all' }).click()
  await figure.evaluate((node) => {
    const end = node.getBoundingClientRect().bottom
    for (let box = node.parentElement; box; box = box.parentElement) {
      if (box.scrollHeight > box.clientHeight && /auto|scroll/.test(getComputedStyle(box).overflowY)) {
        box.scrollTop += end - 300
        return
      }
    }
  })
  await expect(figure.getByRole('button', { name: 'Copy' }).isVisible()).resolves.toBe(true)
  const place = () => figure.evaluate((node) => ({
    top: node.getBoundingClientRect().top,
    head: (node.querySelector('figcaption') as Element).getBoundingClientRect().top,
  }))
  await expect.poll(async () => (await place()).top).toBeLessThan(-200)
  expect((await place()).head).toBeGreaterThanOrEqual(0)
  await v.end()
})

needs('pictures in the clipboard')('pastes cells as text beside their picture, and offers a table of them', async () => {
  const v = await visit(browser, {}, clip)
  await v.page.goto(v.fake.url)
  const field = v.page.getByRole('textbox', { name: 'Write a message' })
  await field.click()
  await v.page.evaluate(async () => {
    const canvas = document.createElement('canvas')
    const png = await new Promise<Blob | null>((done) => canvas.toBlob(done))
    const blob = (type: string, text: string) => new Blob([text], { type })
    await navigator.clipboard.write([
      new ClipboardItem({
        'text/plain': blob('text/plain', 'Quarter\tSales\nQ1\t100\n'),
        'text/html': blob('text/html', '<table><tr><td>Quarter</td><td>Sales</td></tr></table>'),
        'image/png': png as Blob,
      }),
    ])
  })
  await v.page.keyboard.press('Control+v')
  await expect.poll(() => field.inputValue()).toContain('Quarter\tSales')
  await v.page.getByRole('button', { name: 'As a Markdown table' }).click()
  await expect.poll(() => field.inputValue()).toContain('| Quarter | Sales |\n| --- | --- |\n| Q1 | 100 |')
  expect(await v.page.locator('.composer img').count()).toBe(0)
  await v.end()
})

it('lays right-to-left text out from the right, beside text from the left', async () => {
  const blocks = ['مرحبا، هذا سطر مع API.', '- بند أول\n- بند ثان', '> اقتباس', 'English.', '| الاسم | القيمة |\n|---|---|\n| واحد | 1 |']
  const v = await read(blocks.join('\n\n'))
  const directions = await v.page.locator('.prose :is(p, ul, blockquote, td, th)').evaluateAll((nodes) =>
    nodes.map((node) => `${node.tagName} ${getComputedStyle(node).direction}`),
  )
  expect(directions).toEqual(['P rtl', 'UL rtl', 'BLOCKQUOTE rtl', 'P rtl', 'P ltr', 'TH rtl', 'TH rtl', 'TD rtl', 'TD ltr'])
  await v.end()
})
