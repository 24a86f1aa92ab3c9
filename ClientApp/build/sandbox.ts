import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { build, type Plugin } from 'vite'
import { engines } from './engines.ts'
import { rememberPackages } from './licenses.ts'

const names = ['diagram', 'image'] as const

/**
 * Ships the pages of the sandboxed frames: `sandbox/NAME.html` with one classic script each. Modules cannot be used: they are fetched with
 * CORS, which refuses a frame without an origin. Built apart from the page, so that no chunk is shared.
 */
export function sandbox(): Plugin {
  let root = ''
  return {
    name: 'sandbox',
    configResolved(config) {
      root = config.root
    },
    async writeBundle(options) {
      if (!options.dir) return
      const folder = join(options.dir, 'sandbox')
      mkdirSync(folder, { recursive: true })
      for (const name of names) {
        const script = await bundle(root, name)
        const file = `${name}-${createHash('sha256').update(script).digest('base64url').slice(0, 8)}.js`
        writeFileSync(join(folder, file), script)
        writeFileSync(join(folder, `${name}.html`), pageOf(root, name, `./${file}`))
      }
    },
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const [, name, type] = /^\/sandbox\/(diagram|image)\.(html|js)(?:\?|$)/.exec(request.url ?? '') ?? []
        if (!name) return next()
        response.setHeader('Content-Type', type === 'html' ? 'text/html' : 'text/javascript')
        if (type === 'html') return response.end(pageOf(root, name, `./${name}.js`))
        bundle(root, name).then((script) => response.end(script), next)
      })
    },
  }
}

const pageOf = (root: string, name: string, script: string) =>
  readFileSync(join(root, 'src/sandbox', `${name}.html`), 'utf8').replace('<!-- script -->', `<script src="${script}"></script>`)

async function bundle(root: string, name: string): Promise<string> {
  const result = await build({
    root,
    configFile: false,
    logLevel: 'warn',
    plugins: [leaner(root)],
    build: {
      write: false,
      target: engines,
      modulePreload: false,
      chunkSizeWarningLimit: 4000,
      rolldownOptions: {
        input: join(root, 'src/sandbox', `${name}.ts`),
        output: { format: 'iife', codeSplitting: false },
        transform: { define: { 'import.meta': '{}' } },
      },
    },
  })
  const output = 'output' in result ? result.output : Array.isArray(result) ? (result[0]?.output ?? []) : []
  rememberPackages(output)
  const [script, ...more] = output
  if (script?.type !== 'chunk' || more.length > 0) throw new Error(`${name} must become exactly one script`)
  return script.code
}

/** Leaves out a third of the drawing library: a second layout engine, and formulas, which would need HTML in the drawing. */
function leaner(root: string): Plugin {
  return {
    name: 'leaner',
    enforce: 'pre',
    resolveId(id, importer) {
      if (!importer?.includes('/mermaid/')) return null
      if (id === 'katex') return join(root, 'src/sandbox/no-katex.ts')
      if (!/^elk-\w+\.mjs$/.test(basename(id))) return null
      const loaders = readFileSync(importer, 'utf8')
      const dagre = /import\("(\.\/dagre-\w+\.mjs)"\)/.exec(loaders)?.[1]
      if (!dagre) throw new Error('mermaid no longer names its layouts as build/sandbox.ts expects')
      return join(dirname(importer), dagre)
    },
  }
}
