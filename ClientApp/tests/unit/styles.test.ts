import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../../src')
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.svelte'))
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]))

it('leave no component to a style that another one brings', () => {
  // A component is loaded at its first use, and its styles with it: what several use stands in src/styles.
  const faults: string[] = []
  for (const [file, source] of sources)
    for (const [, name = ''] of source.matchAll(/^ {2}:global\(\.([\w-]+)\) \{/gm)) {
      const used = new RegExp(`class="[^"]*\\b${name}\\b`)
      for (const [other, text] of sources) {
        const own = other === file || source.includes(`/${other.split('/').at(-1) ?? ''}'`)
        if (!own && used.test(text)) faults.push(`${other} uses .${name} of ${file}`)
      }
    }
  expect(faults).toEqual([])
})
