import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Plugin, Rolldown } from 'vite'

interface Manifest { name?: string; version?: string; license?: string }

const folders = new Set<string>()

/** Remembers the packages that a build has put modules of into its output. */
export function rememberPackages(output: readonly (Rolldown.OutputChunk | Rolldown.OutputAsset)[]): void {
  for (const file of output) {
    if (file.type !== 'chunk') continue
    for (const id of file.moduleIds) {
      const folder = packageOf(id)
      if (folder) folders.add(folder)
    }
  }
}

/**
 * Ships `licenses.txt`: what the page is made of, after what the server is made of (`deploy/licenses-server.txt`).
 * Comes before precompress.
 */
export function licenses(): Plugin {
  let root = ''
  let outDir = ''
  return {
    name: 'licenses',
    apply: 'build',
    configResolved(config) {
      root = config.root
      outDir = join(root, config.build.outDir)
    },
    writeBundle(_, bundle) {
      rememberPackages(Object.values(bundle))
      // Only its style sheet and fonts are taken, which are no modules.
      folders.add(join(root, 'node_modules/katex'))
    },
    closeBundle() {
      const parts = [...folders].map((folder) => entry(folder)).sort((a, b) => (a.head < b.head ? -1 : 1))
      const page = parts.map(({ head, text }) => `${'='.repeat(80)}\n${head}\n\n${text}\n`).join('\n')
      const server = readFileSync(join(root, '../deploy/licenses-server.txt'), 'utf8')
      writeFileSync(join(outDir, 'licenses.txt'), `${server}\n${page}`)
    },
  }
}

/** The folder of the package that a module is from; the innermost, because packages carry others. */
function packageOf(id: string): string | null {
  const path = id.replace(/^\0/, '').split('?')[0] ?? ''
  if (!path.includes('/node_modules/')) return null
  for (let folder = dirname(path); folder.includes('/node_modules/'); folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    if (!existsSync(file)) continue
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as Manifest
    // Folders inside a package have manifests without a version, which only say how modules are read.
    if (name && version) return folder
  }
  return null
}

function entry(folder: string): { head: string; text: string } {
  const { name, version, license: named } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort()
  const text = files.map((file) => readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim()).join('\n\n')
  const license = named ?? /\bMIT\b/.exec(text.split('\n', 1)[0] ?? '')?.[0]
  if (!name || !version || !license) throw new Error(`${folder} does not say its name, version and licence`)
  return { head: `${name} ${version} (npm, ${license})`, text: text || `Licensed under ${license}; the package carries no text of it.` }
}
