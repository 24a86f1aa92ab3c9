// The writing half of scripts/licenses.
const { readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { root, packages, dotnetVersion, nugetPackages } = require('./components.cjs')

const read = (path) => readFileSync(path, 'utf8').replace(/^\uFEFF/, '').replaceAll('\r\n', '\n').trim()
const rule = '='.repeat(80)
const mit = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY
CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`
const postgresql = `Permission to use, copy, modify, and distribute this software and its documentation for any purpose, without fee, and without a written
agreement is hereby granted, provided that the above copyright notice and this paragraph and the following two paragraphs appear in all
copies.

IN NO EVENT SHALL NPGSQL BE LIABLE TO ANY PARTY FOR DIRECT, INDIRECT, SPECIAL, INCIDENTAL, OR CONSEQUENTIAL DAMAGES, INCLUDING LOST PROFITS,
ARISING OUT OF THE USE OF THIS SOFTWARE AND ITS DOCUMENTATION, EVEN IF Npgsql HAS BEEN ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.

NPGSQL SPECIFICALLY DISCLAIMS ANY WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A
PARTICULAR PURPOSE. THE SOFTWARE PROVIDED HEREUNDER IS ON AN "AS IS" BASIS, AND Npgsql HAS NO OBLIGATIONS TO PROVIDE MAINTENANCE, SUPPORT,
UPDATES, ENHANCEMENTS, OR MODIFICATIONS.`
const apache = 'Licensed under the Apache License, Version 2.0, whose text stands under "Apache License 2.0" below.'

const parts = []
const add = (head, ...texts) => parts.push(`${rule}\n${head}\n\n${texts.join('\n\n')}\n`)

add('AiChat (MIT)', read(join(root, 'LICENSE')))
for (const { name, version, license, copyright } of nugetPackages()) {
  const text = { MIT: mit, 'Apache-2.0': apache, PostgreSQL: postgresql }[license]
  if (!text) throw new Error(`${name} has the licence ${license}, whose text is not known here`)
  add(`${name} ${version} (NuGet, ${license})`, /^(copyright|©|\(c\))/i.test(copyright) ? copyright : `Copyright ${copyright}`, text)
}
const pack = (name) => join(packages, `${name}.${process.env.RID}`, dotnetVersion())
const runtime = pack('microsoft.netcore.app.runtime.nativeaot')
const web = pack('microsoft.aspnetcore.app.runtime')
add(`.NET Runtime ${dotnetVersion()} (MIT)`, read(join(runtime, 'LICENSE.TXT')), read(join(runtime, 'THIRD-PARTY-NOTICES.TXT')))
add(`ASP.NET Core ${dotnetVersion()} (MIT)`, read(join(web, 'LICENSE.txt')), read(join(web, 'THIRD-PARTY-NOTICES.TXT')))
add('SQLite (public domain)', 'The authors of SQLite have placed its code in the public domain: https://www.sqlite.org/copyright.html')
add('OpenSSL 3 (Apache-2.0), as in Debian 12', 'Copyright (c) 1998-2026 The OpenSSL Project Authors. Copyright (c) 1995-1998 Eric A. Young, Tim J. Hudson.', apache)
add('Apache License 2.0', read('/usr/share/common-licenses/Apache-2.0'))
writeFileSync(process.argv[2], `What AiChat is made of, and under which licences.\n\n${parts.join('\n')}`)
