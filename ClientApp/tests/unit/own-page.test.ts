import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const source = join(import.meta.dirname, '../../src')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(ts|svelte)$/.test(file))

/** Each `fetch(` with what follows it up to the end of its statement. */
const calls = files.flatMap((file) =>
  [...readFileSync(join(source, file), 'utf8').matchAll(/\bfetch\((?!\)).*/g)].map(([call]) => ({ file, call })),
)

describe('what changes something on the server', () => {
  it('says that it comes from the own page', () => {
    const changing = calls.filter(({ call }) => /method: '(POST|PUT|PATCH|DELETE)'/.test(call))
    expect(changing.length).toBeGreaterThanOrEqual(4)
    for (const { file, call } of changing) expect(call, file).toMatch(/ownPage|asJson|json\(/)
    const uploads = files.filter((file) => readFileSync(join(source, file), 'utf8').includes('new XMLHttpRequest'))
    for (const file of uploads) expect(readFileSync(join(source, file), 'utf8'), file).toContain('Object.entries(ownPage)')
    for (const file of files) {
      // A body of its own kind through `send` needs the header too.
      for (const [call] of readFileSync(join(source, file), 'utf8').matchAll(/\bsend\('(?:POST|PUT|PATCH|DELETE)'.*headers.*/g)) expect(call, file).toContain('...ownPage')
    }
  })
})
