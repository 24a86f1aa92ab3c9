import { appendFileSync } from 'node:fs'
import { afterAll, beforeAll, it } from 'vitest'
import { answer } from '../fake/answer.mjs'
import { engine, launch, visit } from './browser'
let browser: any
beforeAll(async () => { browser = await launch() })
afterAll(() => browser.close())
const log = (...a: unknown[]) => appendFileSync('/tmp/c-wheel.txt', [engine, ...a].join(' ') + '\n')
it('wheel', async () => {
  const v = await visit(browser, { chats: 1 })
  const { page } = v
  const [sid = 0] = [...v.fake.state.sessions.keys()]
  const noDraw = answer.replace(/```[\s\S]*?```/, 'Code').replace(/\$\$?[^$]+\$\$?/g, 'a formula')
  v.fake.state.messages.set(sid, Array.from({ length: 120 }, (_, i) => ({ id: sid * 1000 + i, sessionId: sid, parentId: i === 0 ? null : sid * 1000 + i - 1, role: i % 2 === 0 ? 'user' : 'assistant', content: i % 2 === 0 ? `Question ${i}` : `${noDraw}\n\nAnswer ${i}`, status: 'done', createdAt: '2026-11-20T08:00:00.000Z', images: [], toolCalls: [] })) as never)
  await page.goto(`${v.fake.url}/c/${sid}`)
  await page.getByText('Answer 119', { exact: true }).waitFor()
  await page.locator('.scroller').hover({ position: { x: 20, y: 300 } })
  const off: string[] = []
  for (let i = 0; i < 60; i++) {
    await page.evaluate(() => { const block = [...document.querySelectorAll('.prose > *, article .text')].find((one) => one.getBoundingClientRect().bottom > 350)!; Object.assign(window, { block, was: block.getBoundingClientRect().top, st: document.querySelector('.scroller')!.scrollTop }) })
    await page.mouse.wheel(0, -300)
    const moved = () => page.evaluate(() => { const { block, was } = window as any; return block.getBoundingClientRect().top - was })
    for (let k = 0; k < 100 && (await moved()) === 0; k++) await new Promise((r) => setTimeout(r, 10))
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))
    const m = await moved(); 
    if (Math.abs(m - 300) > 0.6) { await new Promise((r) => setTimeout(r, 300)); const n = await moved(); off.push(`${i}:${m.toFixed(1)} later ${n.toFixed(1)}`) }
  }
  log('wheel 60 x 300, off by more than 0.6:', off.join(', ') || 'none')
  await v.end()
}, 100_000)
