import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** The folders of the page from the ground up. A module may import its own folder and those before it. */
export const floors = [
  'sandbox', // pages in frames without an origin, and their protocol
  'lib/browser', // what the browser can do, without any state of the page
  'lib/ui', // components that take their texts by props
  'lib/api', // one stateless module for each resource of the server
  'lib/i18n', // texts, dates and numbers in both languages
  'lib/lexer', // Markdown as tokens
  'lib/state', // the state of the page
  'lib/common', // components of every feature that need its texts or its state
  'lib/markdown', // Markdown as nodes
  'lib/usage',
  'lib/share',
  'lib/auth',
  'lib/composer',
  'lib/overlay',
  'lib/pwa',
  'lib/sidebar',
  'lib/chat',
  'lib/setup',
  'lib/account',
  'lib/imports',
  'lib/keys',
  'lib/admin',
  'lib/settings',
  '', // App.svelte and what stands beside it
]

/** Modules by their path under `src`, each with the paths it imports. */
export type Graph = ReadonlyMap<string, readonly string[]>

/** The modules of this page that a text imports, lazy and type imports included. An unresolved import is returned as written. */
export function importsOf(path: string, text: string, exists: (path: string) => boolean): string[] {
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g)].map(([, target = '']) => {
    const plain = posix.join(posix.dirname(path), target)
    return [plain, `${plain}.ts`, plain.replace(/\.svelte$/, '.svelte.ts'), `${plain}.svelte.ts`].find(exists) ?? target
  })
}

export function readGraph(root: string): Graph {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(ts|js|svelte|css|html)$/.test(file))
  const known = new Set(files)
  return new Map(files.map((file) => [file, importsOf(file, readFileSync(join(root, file), 'utf8'), (path) => known.has(path))]))
}

function floorOf(path: string): number {
  return floors.findIndex((floor) => (floor === '' ? !path.startsWith('lib/') : path.startsWith(`${floor}/`)))
}

/** What breaks the order: imports of a higher floor, circles, imports of nothing, and files in a folder without a floor. */
export function judge(graph: Graph): string[] {
  const faults: string[] = []
  for (const [file, imports] of graph) {
    if (floorOf(file) < 0) faults.push(`${file} stands on no floor`)
    for (const target of imports) {
      if (!graph.has(target)) faults.push(`${file} imports ${target}, which is not there`)
      else if (floorOf(target) > floorOf(file)) faults.push(`${file} imports ${target}, which stands above it`)
    }
  }
  return [...faults, ...circles(graph)]
}

function circles(graph: Graph): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const path: string[] = []
  function visit(file: string): void {
    const at = path.indexOf(file)
    if (at >= 0) found.push(`${[...path.slice(at), file].join(' → ')} is a circle`)
    if (at >= 0 || done.has(file)) return
    path.push(file)
    // A component that renders itself, as a list in a list, is not a circle of files.
    for (const target of graph.get(file) ?? []) if (target !== file) visit(target)
    path.pop()
    done.add(file)
  }
  for (const file of graph.keys()) visit(file)
  return found
}
