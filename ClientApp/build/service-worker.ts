import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'

/** Ships `src/sw.js` with the list of what the first page needs; its name for the cache changes with their content. */
export function serviceWorker(): Plugin {
  let root = ''
  return {
    name: 'service-worker',
    apply: 'build',
    enforce: 'post',
    configResolved(config) {
      root = config.root
    },
    writeBundle(options, bundle) {
      const page = bundle['index.html']
      if (page?.type !== 'asset' || !options.dir) return
      const named = [...String(page.source).matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map((match) => match[1] ?? '')
      const files = ['./', ...named.map((file) => `./${file}`), './icon.svg']
      const source = readFileSync(join(root, 'src/sw.js'), 'utf8')
      const version = createHash('sha256').update(String(page.source)).update(source).digest('base64url').slice(0, 8)
      writeFileSync(join(options.dir, 'sw.js'), source.replace('__VERSION__', version).replace('__FILES__', JSON.stringify(files)))
    },
  }
}
