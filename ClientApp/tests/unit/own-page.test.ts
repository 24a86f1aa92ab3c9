import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const source = join(import.meta.dirname, '../../src')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(ts|svelte)$/.test(file))

/** The calls of a function in a text, each up to its closing bracket. */
function callsOf(name: string, text: string): string[] {
  return [...text.matchAll(new RegExp(`\\b${name}\\((?!\\))`, 'g'))].map(({ index }) => {
    let depth = 0
    for (let at = text.indexOf('(', index); at < text.length; at++) {
      if (text[at] === '(') depth++
      else if (text[at] === ')' && --depth === 0) return text.slice(index, at + 1)
    }
    return text.slice(index)
  })
}

const calls = files.flatMap((file) => callsOf('fetch', readFileSync(join(source, file), 'utf8')).map((call) => ({ file, call })))

describe('what changes something on the server', () => {
  it('says that it comes from the own page', () => {
    const changing = calls.filter(({ call }) => /method: '(POST|PUT|PATCH|DELETE)'/.test(call))
    expect(changing.length).toBeGreaterThanOrEqual(3)
    for (const { file, call } of changing) expect(call, file).toMatch(/ownPage|asJson|json\(/)
    const uploads = files.filter((file) => readFileSync(join(source, file), 'utf8').includes('new XMLHttpRequest'))
    for (const file of uploads) expect(readFileSync(join(source, file), 'utf8'), file).toContain('Object.entries(ownPage)')
    for (const file of files) {
      // A call of `send` with its own headers needs this header too.
      for (const call of callsOf('send', readFileSync(join(source, file), 'utf8')))
        if (/^send\('(?:POST|PUT|PATCH|DELETE)'[\s\S]*headers/.test(call)) expect(call, file).toContain('...ownPage')
    }
  })
})
