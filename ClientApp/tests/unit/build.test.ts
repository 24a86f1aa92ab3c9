import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { serverCode } from './server-files'

const root = join(import.meta.dirname, '../../..')
const built = join(root, 'wwwroot')
const source = join(root, 'ClientApp/src')
const files = (folder: string, end: RegExp) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => end.test(file))
    .map((file) => join(folder, file))
const page = readFileSync(join(built, 'index.html'), 'utf8')

describe('the page as it is built', () => {
  it('loads less than 120 kB before it can be used', () => {
    const first = [...page.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.(?:js|css))"/g)].map((match) => join(built, match[1] ?? ''))
    expect(first.length).toBeGreaterThan(0)
    // Script and styles of the first page as transferred; everything else is loaded on demand.
    expect(first.reduce((sum, file) => sum + statSync(`${file}.br`).size, 0)).toBeLessThan(120_000)
  })

  it('loads less than 120 kB of script before the account of a new server can be made', () => {
    const named = [...page.matchAll(/(?:src|href)="\.\/assets\/([^"]+\.js)"/g)].map((match) => `${match[1] ?? ''}.br`)
    const later = readdirSync(join(built, 'assets')).filter((file) => /^(setup|rolldown-runtime)-.*\.js\.br$/.test(file))
    expect(later.length).toBe(2)
    // Compressed; the heads of the replies add about 0.6 kB for each of the files. The texts of later steps and of settings are not in it.
    expect([...named, ...later].reduce((sum, file) => sum + statSync(join(built, 'assets', file)).size, 0)).toBeLessThan(120_000)
  })

  it('names no other server: fonts, formulas and styles are its own', () => {
    const loads = /(?:url\(|@import\s*|(?:src|href)=)["']?(?:https?:)?\/\//
    const sheets = files(join(built, 'assets'), /\.css\.br$/)
      .map((file) => [file, brotliDecompressSync(readFileSync(file)).toString()] as const)
    for (const [file, text] of [['index.html', page] as const, ...sheets]) expect(text, file).not.toMatch(loads)
    const styles = sheets.map(([, text]) => text).join('\n')
    const fonts = [...styles.matchAll(/url\(["']?([^"')]+\.woff2)/g)].map((match) => match[1] ?? '')
    expect(fonts.some((font) => font.includes('KaTeX'))).toBe(true)
    for (const font of fonts) expect(statSync(join(built, 'assets', font)).size).toBeGreaterThan(0)
    for (const file of files(source, /\.(ts|svelte|css)$/))
      expect(readFileSync(file, 'utf8'), file).not.toMatch(/jsdelivr|unpkg|cdnjs|fonts\.g(?:oogleapis|static)/)
  })

  it('animates only waiting indicators without end, and uses no will-change', () => {
    for (const file of files(source, /\.(svelte|css)$/)) {
      const text = readFileSync(file, 'utf8')
      expect(text, file).not.toContain('will-change')
      for (const [, name] of text.matchAll(/animation:\s*(\w+)[^;]*infinite/g)) expect(['turn', 'breathe'], file).toContain(name)
    }
  })
})

describe('rules that the page and the server share', () => {
  it('are the same for passwords', () => {
    const server = serverCode(/^Password(?:s|Hasher)\.cs$/)
    const bound = (name: RegExp) => Number(new RegExp(`const int (?:${name.source}) = (\\d+)`).exec(server)?.[1])
    const page = readFileSync(join(source, 'lib/auth/NewPassword.svelte'), 'utf8')
    expect(/\.length >= (\d+) && \w+\.length <= (\d+)/.exec(page)?.slice(1).map(Number)).toEqual([
      bound(/Shortest|MinLength/),
      bound(/Longest|MaxLength/),
    ])
  })
})
