import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'

/**
 * Ships `src/theme-boot.js` as a classic, hashed script. It blocks the first paint on purpose: a module
 * would run after it and flash the wrong theme, and the CSP forbids inline script.
 */
export function themeBoot(): Plugin {
  let root = ''
  return {
    name: 'theme-boot',
    configResolved(config) {
      root = config.root
    },
    transformIndexHtml: {
      order: 'post',
      handler: (html, context) =>
        html.replace('<!-- theme-boot -->', `<script src="./${context.server ? 'src/theme-boot.js' : bootName(root)}"></script>`),
    },
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: bootName(root), source: bootSource(root) })
    },
  }
}

function bootSource(root: string): string {
  return readFileSync(join(root, 'src/theme-boot.js'), 'utf8')
}

function bootName(root: string): string {
  return `assets/theme-${createHash('sha256').update(bootSource(root)).digest('base64url').slice(0, 8)}.js`
}
