import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { parseAst } from 'vite'
import { describe, expect, it } from 'vitest'
import { engines } from '../../build/engines'

// What the oldest browsers of build/engines.ts lack and the build does not translate. One such sign in a script leaves the page blank.
const root = join(import.meta.dirname, '../../..')
const built = join(root, 'wwwroot')
const read = (end: RegExp) =>
  readdirSync(built, { recursive: true, encoding: 'utf8' })
    .filter((file) => end.test(file))
    .map((file) => [file, brotliDecompressSync(readFileSync(join(built, file))).toString()] as const)

const newer: Record<string, RegExp> = {
  // Safari 16.4; a library may build one from a text and catch what that throws.
  lookbehind: /\(\?<[=!]/,
  // Safari 18.4, Firefox 132, Chrome 125.
  'flags within a group': /\(\?[ims]*(?:-[ims]+)?:(?<!\(\?:)/,
  'a name twice': /\(\?<(\w+)>.*\(\?<\1>/,
}
// Members by the versions that brought them, all above the oldest of at least one engine.
const members = new Set(`
  withResolvers fromAsync isWellFormed toWellFormed isSubsetOf isSupersetOf isDisjointFrom symmetricDifference
  checkVisibility canParse Segmenter setHTMLUnsafe parseHTMLUnsafe getHTML showPopover togglePopover
  startViewTransition toBase64 fromBase64 sumPrecise getOrInsert getOrInsertComputed moveBefore showPicker`.trim().split(/\s+/))
// Where the code looks first whether it is there.
const behindATest: Record<string, string[]> = {
  'assets/scroll-lock': ['checkVisibility'], // tabbable
  // canParse is made by sandbox/older.ts; symmetricDifference is the library's own.
  'sandbox/diagram': ['canParse', 'Segmenter', 'symmetricDifference'],
}

interface Node {
  type: string
  regex?: { pattern: string; flags: string }
  property?: { type: string; name?: string }
  computed?: boolean
}

function* nodes(node: unknown): Generator<Node> {
  const open: unknown[] = [node]
  while (open.length > 0) {
    const one = open.pop()
    if (Array.isArray(one)) open.push(...(one as unknown[]))
    else if (typeof one === 'object' && one !== null) {
      if ('type' in one) yield one as Node
      open.push(...Object.values(one))
    }
  }
}

function faultsOf(source: string, known: readonly string[] = []): string[] {
  const faults: string[] = []
  for (const { type, regex, property, computed } of nodes(parseAst(source))) {
    if (regex) {
      const shown = `/${regex.pattern.slice(0, 80)}/`
      for (const [name, sign] of Object.entries(newer)) if (sign.test(regex.pattern)) faults.push(`${name}: ${shown}`)
      if (regex.flags.includes('v')) faults.push(`flag v: ${shown}`)
    }
    if (type === 'StaticBlock') faults.push('a static block') // Safari 16.4
    if (type === 'ImportAttribute') faults.push('an import with a type')
    const member = type === 'MemberExpression' && !computed ? (property?.name ?? '') : ''
    if (members.has(member) && !known.includes(member)) faults.push(`.${member}`)
  }
  return faults
}

describe(`what is built for ${engines.join(', ')}`, () => {
  it('has no script that one of them cannot read or run', () => {
    const scripts = read(/\.js\.br$/)
    expect(scripts.length).toBeGreaterThan(20)
    const faults = scripts.flatMap(([file, source]) => {
      const name = file.replace(/-[\w-]{8}\.js\.br$/, '')
      return faultsOf(source, behindATest[name]).map((fault) => `${name}: ${fault}`)
    })
    expect(faults).toEqual([])
  }, 60_000) // three megabytes for drawings alone

  it('has no style that needs more', () => {
    // What is only nicer where it is known may be used.
    const styles = /@container|@starting-style|@scope|light-dark\(|(?:oklch|rgb|hsl)\(from |anchor\(|:popover-open|\{[^{}]*&[^{}]*\{/
    for (const [file, text] of read(/\.css\.br$/)) expect(styles.exec(text)?.[0], file).toBeUndefined()
  })

  it('has no colour with a variable and a lightness in numbers', () => {
    // Safari below 16.2 knows per cent only, and the build translates only colours without a variable.
    for (const [file, text] of read(/\.css\.br$/)) expect(/oklch\(\s*0?\.\d+\s[^)]*var\(/.exec(text)?.[0], file).toBeUndefined()
  })

  it('is written for a browser of any age where it tells that the browser is too old', () => {
    const boot = readFileSync(join(root, 'ClientApp/src/theme-boot.js'), 'utf8')
    expect(boot).not.toMatch(/=>|\b(?:let|const|class|async)\b|`|\?\.|\?\?|catch \{|\.\.\./)
  })
})

it('asks in one place whether a key belongs to an input method', () => {
  // Safari says so by the key code alone.
  const source = join(root, 'ClientApp/src')
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' }))
    if (/\.(?:ts|svelte)$/.test(file) && !file.endsWith('composing.ts'))
      expect(readFileSync(join(source, file), 'utf8'), file).not.toContain('.isComposing')
})

it('tells each of these from what it can read', () => {
  expect(faultsOf('/(?<!a)b/')).toHaveLength(1)
  expect(faultsOf('/(?i:a)b/')).toHaveLength(1)
  expect(faultsOf('/[a--b]/v')).toHaveLength(1)
  expect(faultsOf('class A { static { A.b = 1 } }')).toHaveLength(1)
  expect(faultsOf('Promise.withResolvers()')).toHaveLength(1)
  expect(faultsOf('/(?:a)(?<name>b)(?=c)(?!d)/u; "(?<!a)"; a.at(-1)')).toEqual([])
})
