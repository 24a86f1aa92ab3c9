import { readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import type { Plugin } from 'vite'

const text = /\.(html|js|css|svg|json|webmanifest|txt)$/

// Megabytes uncompressed. The server decompresses for whoever does not take Brotli.
const onlyCompressed = /[/\\]((?:sandbox|assets)[/\\][^/\\]+\.(?:js|css)|licenses\.txt)$/

/** Puts `.br` beside every text file of the build, the same bytes on every run. */
export function precompress(): Plugin {
  let outDir = ''
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      outDir = join(config.root, config.build.outDir)
    },
    closeBundle() {
      for (const entry of readdirSync(outDir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !text.test(entry.name)) continue
        const path = join(entry.parentPath, entry.name)
        const bytes = readFileSync(path)
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
        }))
        if (onlyCompressed.test(path)) unlinkSync(path)
      }
    },
  }
}
