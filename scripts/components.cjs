// What a release is made of, from the lock files, the compiled page and the native parts: read by licenses.cjs and sbom.cjs.
const { existsSync, readFileSync } = require('node:fs')
const { homedir } = require('node:os')
const { join } = require('node:path')
const { brotliDecompressSync } = require('node:zlib')

const root = join(__dirname, '..')
const packages = process.env.NUGET_PACKAGES ?? join(homedir(), '.nuget/packages')

/** In the lock file, but not in the executable: analysers, the compiler, and SQLite's shared library for runs on the JIT. */
const buildOnly = /^(Microsoft\.CodeAnalysis\.BannedApiAnalyzers|Microsoft\.NET\.ILLink\.Tasks|(runtime\.[\w-]+\.)?Microsoft\.DotNet\.ILCompiler|SQLitePCLRaw\.lib\.e_sqlite3)$/

const lock = () => JSON.parse(readFileSync(join(root, 'packages.lock.json'), 'utf8')).dependencies['net10.0']

/** The version of .NET that the compiler links in. */
const dotnetVersion = () => lock()['Microsoft.DotNet.ILCompiler'].resolved

function nugetPackages() {
  return Object.entries(lock())
    .filter(([name]) => !buildOnly.test(name))
    .map(([name, { resolved, contentHash }]) => {
      const folder = join(packages, name.toLowerCase(), resolved)
      const nuspec = readFileSync(join(folder, `${name.toLowerCase()}.nuspec`), 'utf8')
      const of = (tag) => new RegExp(`<${tag}[^>]*>([^<]*)</${tag}>`).exec(nuspec)?.[1].trim()
      const license = /<license type="expression">([^<]+)</.exec(nuspec)?.[1]
      if (!license) throw new Error(`${name} ${resolved} names no licence`)
      return { name, version: resolved, license, copyright: of('copyright') ?? `Copyright ${of('authors')}`, contentHash: Buffer.from(contentHash, 'base64').toString('hex') }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The packages whose code is in the page, as its build has written them down. */
function npmPackages() {
  const file = join(root, 'wwwroot/licenses.txt.br')
  if (!existsSync(file)) throw new Error('wwwroot/ has no list of licences: run scripts/ui')
  const resolved = JSON.parse(readFileSync(join(root, 'ClientApp/package-lock.json'), 'utf8')).packages
  return [...brotliDecompressSync(readFileSync(file)).toString().matchAll(/^={80}\n(\S+) (\S+) \(npm, (.+)\)$/gm)].map(([, name, version, license]) => {
    const entry = Object.entries(resolved).find(([path, one]) => path.endsWith(`node_modules/${name}`) && one.version === version)
    if (!entry) throw new Error(`${name} ${version} is in the page, but not in package-lock.json: run scripts/ui`)
    const [, algorithm, hash] = /^(sha512)-(.+)$/.exec(entry[1].integrity ?? '') ?? []
    return { name, version, license, sha512: algorithm && Buffer.from(hash, 'base64').toString('hex') }
  })
}

module.exports = { root, packages, dotnetVersion, nugetPackages, npmPackages }
