import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

interface Component { name: string; version: string; purl: string; hashes?: { content: string }[] }

const run = promisify(execFile)
const root = join(import.meta.dirname, '../../..')
const binary = process.env['AICHAT_TEST_BINARY'] ?? ''

describe.skipIf(!binary)('what a release says of itself', () => {
  let folder: string
  let text: string
  let components: Component[]
  let facts: Record<string, string | null>

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aichat-release-'))
    await run('node', [join(root, 'scripts/sbom.cjs'), '1.2.3', 'c0ffee', join(folder, 'bom.json')])
    text = await readFile(join(folder, 'bom.json'), 'utf8')
    components = (JSON.parse(text) as { components: Component[] }).components
    facts = JSON.parse((await run(binary, ['version', '--json'])).stdout) as typeof facts
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const version = (name: string) => components.find((one) => one.name === name)?.version

  it('lists its parts in CycloneDX, by its own schema', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
    expect(await validator.validate(text)).toBeNull()
    // The schema is really asked.
    expect(await validator.validate(text.replace('"library"', '"librarian"'))).not.toBeNull()
  })

  it('lists what the executable says it carries', () => {
    expect(version('sqlite')).toBe(facts['sqlite'])
    expect(version('openssl')).toMatch(new RegExp(`^${String(facts['openssl'])}-`))
    expect(version(`Microsoft.NETCore.App.Runtime.NativeAOT.${String(facts['platform'])}`)).toBe(facts['dotnet'])
  })

  it('lists every package of the lock files that is in it, and no tool', async () => {
    const lock = JSON.parse(await readFile(join(root, 'packages.lock.json'), 'utf8')) as { dependencies: Record<string, object> }
    const names = components.map((one) => one.name)
    const microsoft = ['CodeAnalysis.BannedApiAnalyzers', 'NET.ILLink.Tasks', 'DotNet.ILCompiler'].map((name) => `Microsoft.${name}`)
    const tools = [...microsoft, 'SQLitePCLRaw.lib.e_sqlite3']
    for (const name of Object.keys(lock.dependencies['net10.0'] ?? {})) expect(names.includes(name), name).toBe(!tools.includes(name))
    expect(names).toEqual(expect.arrayContaining(['svelte', 'marked', 'katex', 'highlight.js', 'mermaid', 'bits-ui', 'dompurify']))
    expect(names.filter((name) => ['vite', 'vitest', 'eslint', 'openai'].includes(name))).toEqual([])
  })

  it('gives the licence of each part', async () => {
    const { stdout } = await run(binary, ['licenses'], { maxBuffer: 1e7 })
    const packages = components.filter((one) => /^pkg:n(pm|uget)/.test(one.purl) && !one.name.includes('.Runtime.'))
    for (const { name, version: its, purl } of packages)
      expect(stdout, purl).toContain(`\n${name} ${its} (`)
    expect(stdout).toMatch(/\nOpenSSL 3 \(Apache-2\.0\)/)
    expect(stdout).toMatch(/\n\.NET Runtime \S+ \(MIT\)/)
  })

  it('says where it starts, and asks for no more', async () => {
    expect(facts['platform']).toMatch(/^linux-(x64|arm64)$/)
    // Exit code 1 and the symbols when it asks for more.
    await expect(run(join(root, 'scripts/glibc'), [binary, String(facts['glibc'])])).resolves.toBeTruthy()
    await expect(run(join(root, 'scripts/glibc'), [binary, '2.4'])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/asks for glibc 2\.\d+, more than 2\.4: .*@GLIBC_2\./) as string,
    })
  })

  it('finds the section of a version in the changelog', async () => {
    expect((await run(join(root, 'scripts/release'), ['notes', 'Unreleased'])).stdout).toMatch(/^- /)
    await expect(run(join(root, 'scripts/release'), ['notes', '9.9.9'])).rejects.toMatchObject({ code: 1 })
  })
})
