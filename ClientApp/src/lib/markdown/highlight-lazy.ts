import hljs from 'highlight.js/lib/core'
import type { LanguageFn } from 'highlight.js'
import { Kept } from './kept'

// One chunk for each language: loading all at once would block the page.
const files = import.meta.glob<LanguageFn>(
  [
    '/node_modules/highlight.js/es/languages/{bash,c,clojure,cmake,cpp,csharp,css,dart,diff,dockerfile,dos}.js',
    '/node_modules/highlight.js/es/languages/{elixir,erlang,fortran,fsharp,go,graphql,groovy,haskell,http,ini,java}.js',
    '/node_modules/highlight.js/es/languages/{javascript,json,julia,kotlin,latex,less,lua,makefile,markdown,matlab,nginx}.js',
    '/node_modules/highlight.js/es/languages/{objectivec,ocaml,perl,php,php-template,powershell,properties,protobuf,python}.js',
    '/node_modules/highlight.js/es/languages/{python-repl,r,ruby,rust,scala,scss,shell,sql,swift,typescript}.js',
    '/node_modules/highlight.js/es/languages/{vbnet,vim,wasm,x86asm,xml,yaml}.js',
  ],
  { import: 'default' },
)

/** Other names that models use, by language. */
const aliases = new Map(
  Object.entries({
    bash: 'sh zsh',
    c: 'h',
    clojure: 'clj',
    cpp: 'c++ cc cxx h++ hh hpp hxx',
    csharp: 'c# cs',
    diff: 'patch',
    dockerfile: 'docker',
    dos: 'bat cmd',
    elixir: 'ex exs',
    erlang: 'erl',
    fortran: 'f90 f95',
    fsharp: 'f# fs',
    go: 'golang',
    graphql: 'gql',
    haskell: 'hs',
    http: 'https',
    ini: 'toml',
    java: 'jsp',
    javascript: 'cjs js jsx mjs',
    json: 'json5 jsonc',
    julia: 'jl',
    kotlin: 'kt kts',
    latex: 'tex',
    makefile: 'mak make mk',
    markdown: 'md mkd mkdown',
    nginx: 'nginxconf',
    objectivec: 'mm obj-c objc objective-c',
    ocaml: 'ml',
    perl: 'pl pm',
    powershell: 'ps ps1 pwsh',
    protobuf: 'proto',
    python: 'gyp ipython py',
    'python-repl': 'pycon',
    ruby: 'gemspec irb podspec rb thor',
    rust: 'rs',
    shell: 'console shellsession',
    typescript: 'cts mts ts tsx',
    vbnet: 'vb',
    xml: 'atom html plist rss svg vue xhtml xsd xsl',
    yaml: 'yml',
  }).flatMap(([language, names]) => names.split(' ').map((name) => [name, language] as const)),
)

/** Languages embedded in others. Without their grammar they are rendered as plain text. */
const inside: Record<string, string[]> = {
  javascript: ['xml', 'css'],
  typescript: ['xml', 'css'],
  markdown: ['xml'],
  'php-template': ['xml', 'php'],
  'python-repl': ['python'],
  shell: ['bash'],
  xml: ['css', 'javascript'],
}

export const canonical = (language: string): string | null => {
  const name = aliases.get(language) ?? language
  return pathOf(name) in files ? name : null
}

const pathOf = (name: string) => `/node_modules/highlight.js/es/languages/${name}.js`

async function register(name: string): Promise<void> {
  if (hljs.getLanguage(name)) return
  const grammar = await files[pathOf(name)]?.()
  if (grammar && !hljs.getLanguage(name)) hljs.registerLanguage(name, grammar)
}

/** Loads the grammar of a language and of those embedded in it. */
export async function prepare(name: string): Promise<void> {
  await Promise.all([name, ...inside[name] ?? []].map(register))
}

interface Scope {
  scope?: string
  children: (Scope | string)[]
}

/** Highlighted nodes for a language whose grammar is loaded. Built from the token tree, without an HTML string. */
export function highlight(code: string, name: string): DocumentFragment {
  const key = `${name} ${code}`
  const copy = kept.copy(key)
  if (copy) return copy as DocumentFragment
  const result = hljs.highlight(code, { language: name, ignoreIllegals: true })
  const fragment = document.createDocumentFragment()
  append(fragment, (result._emitter as unknown as { root: Scope }).root)
  kept.keep(key, fragment)
  return fragment
}

const kept = new Kept(60)

function append(parent: Node, scope: Scope): void {
  for (const child of scope.children) {
    if (typeof child === 'string') {
      parent.appendChild(document.createTextNode(child))
      continue
    }
    const span = document.createElement('span')
    const [first, second] = (child.scope ?? '').split('.')
    if (first) span.className = second ? `hl-${first} hl-${first}-${second}` : `hl-${first}`
    append(span, child)
    parent.appendChild(span)
  }
}
