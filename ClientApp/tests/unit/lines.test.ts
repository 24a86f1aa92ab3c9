import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const max = 140
const folders = ['src', 'tests', 'build']

/** Lines that are too long, by file and number. An entry of a dictionary may be as long as its text. */
function tooLong(file: string, text: string): string[] {
  return text.split('\n').flatMap((line, at) => {
    const entry = file.startsWith('src/lib/i18n/') && /^ {2}'[\w.]+': ['"`].*['"`],$/.test(line)
    return [...line].length > max && !entry ? [`${file}:${at + 1} has ${[...line].length} characters`] : []
  })
}

it('keeps every line of the page to 140 characters', () => {
  const list = (folder: string) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  const inside = folders.flatMap((folder) => list(folder).map((file) => join(folder, file)))
  const files = [...inside, ...readdirSync(root)].filter(
    // What the corpus draws is data, and installed packages are not ours.
    (file) => /\.(ts|mts|js|mjs|svelte|css|html)$/.test(file) && !file.includes('unit/corpus/') && !file.includes('node_modules/'),
  )
  expect(files.length).toBeGreaterThan(250)
  expect(files.flatMap((file) => tooLong(file, readFileSync(join(root, file), 'utf8')))).toEqual([])
})

it('finds a line that is longer', () => {
  expect(tooLong('src/main.ts', `short\n${'é'.repeat(141)}`)).toEqual(['src/main.ts:2 has 141 characters'])
  expect(tooLong('src/lib/i18n/en/chat.ts', `  'chat.long': '${'word '.repeat(40)}',`)).toEqual([])
})
