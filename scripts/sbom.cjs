// Writes the list of what a release is made of as CycloneDX 1.6 JSON: node scripts/sbom.cjs VERSION COMMIT FILE
const { createHash } = require('node:crypto')
const { execFileSync } = require('node:child_process')
const { existsSync, readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { root, dotnetVersion, nugetPackages, npmPackages } = require('./components.cjs')

const [version, commit, file] = process.argv.slice(2)
const read = (path) => readFileSync(join(root, path), 'utf8')

const component = ({ name, version, license, purl, sha512, contentHash, copyright, cpe, properties }) => ({
  type: 'library',
  'bom-ref': purl,
  name,
  version,
  ...(copyright && { copyright }),
  licenses: [/ (AND|OR|WITH) /.test(license) ? { expression: license.replace(/^\((.*)\)$/, '$1') } : { license: { id: license } }],
  purl,
  ...(cpe && { cpe }),
  ...(sha512 && { hashes: [{ alg: 'SHA-512', content: sha512 }] }),
  // Of what is in the package: its signature is left out, so it is no sum of the file.
  ...(contentHash && { properties: [{ name: 'aichat:nuget-content-sha512', value: contentHash }] }),
  ...(properties && { properties }),
})

const npmPurl = (name, version) => `pkg:npm/${name.replace(/^@/, '%40')}@${version}`
const sqlitePackage = /^PACKAGE=(\S+)@(\S+)$/m.exec(read('scripts/sqlite'))
const sqliteHash = /^SHA512=(\w+)$/m.exec(read('scripts/sqlite'))[1]
const rid = process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64'
const sqlite = read(`artifacts/native/${rid}/sqlite-version`).trim()
// Without a sysroot the executable is linked against this machine's own.
const openssl = existsSync(join(root, `artifacts/sysroot/${rid}/openssl-version`))
  ? read(`artifacts/sysroot/${rid}/openssl-version`).trim()
  : execFileSync('dpkg-query', ['-W', '-f', '${Version}', 'libssl-dev'], { encoding: 'utf8' })
const dotnet = dotnetVersion()

const components = [
  ...nugetPackages().map((one) => component({ ...one, purl: `pkg:nuget/${one.name}@${one.version}` })),
  ...['Microsoft.NETCore.App.Runtime.NativeAOT', 'Microsoft.AspNetCore.App.Runtime'].map((name) => `${name}.${rid}`).map((name) =>
    component({ name, version: dotnet, license: 'MIT', purl: `pkg:nuget/${name}@${dotnet}`, cpe: `cpe:2.3:a:microsoft:.net:${dotnet}:*:*:*:*:*:*:*` })),
  component({
    name: 'sqlite', version: sqlite, license: 'blessing', purl: `pkg:generic/sqlite@${sqlite}`, cpe: `cpe:2.3:a:sqlite:sqlite:${sqlite}:*:*:*:*:*:*:*`,
    properties: [
      { name: 'aichat:source', value: npmPurl(sqlitePackage[1], sqlitePackage[2]) },
      { name: 'aichat:source-sha512', value: sqliteHash },
    ],
  }),
  component({
    name: 'openssl', version: openssl, license: 'Apache-2.0', purl: `pkg:deb/debian/openssl@${encodeURIComponent(openssl)}?distro=bookworm`,
    cpe: `cpe:2.3:a:openssl:openssl:${openssl.replace(/-.*/, '')}:*:*:*:*:*:*:*`,
  }),
  ...npmPackages().map((one) => component({ ...one, purl: npmPurl(one.name, one.version) })),
]

const bom = {
  $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  metadata: {
    component: {
      type: 'application',
      'bom-ref': `pkg:generic/aichat@${version}`,
      name: 'aichat',
      version,
      licenses: [{ license: { id: 'MIT' } }],
      purl: `pkg:generic/aichat@${version}`,
      ...(commit && { properties: [{ name: 'aichat:commit', value: commit }] }),
    },
  },
  components,
  dependencies: [{ ref: `pkg:generic/aichat@${version}`, dependsOn: components.map((one) => one['bom-ref']) }],
}
// The same contents have the same number, and no time of the day is in it: two builds of a commit give one file.
const digest = createHash('sha256').update(JSON.stringify(bom)).digest('hex')
bom.serialNumber = `urn:uuid:${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`
writeFileSync(file, `${JSON.stringify(bom, null, 2)}\n`)
console.log(`${file}: ${components.length} components`)
