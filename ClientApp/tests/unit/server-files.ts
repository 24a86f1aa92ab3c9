import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../../Endpoints')

/** The server's code in the files with such a name, in whatever folder they are. */
export function serverCode(name: RegExp): string {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => name.test(file.split('/').at(-1) ?? ''))
  if (files.length === 0) throw new Error(`The server has no file ${name.source} any more`)
  return files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n')
}
