import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../../Endpoints')

/** The text of the server's source files with such a name, in any folder. */
export function serverCode(name: RegExp): string {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => name.test(file.split('/').at(-1) ?? ''))
  if (files.length === 0) throw new Error(`The server has no file ${name.source} any more`)
  return files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n')
}
