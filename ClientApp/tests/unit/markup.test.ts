import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, type AST } from 'svelte/compiler'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../../src')
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.svelte'))

/** Every node of a component's markup, with the file's text. */
function walk(file: string, visit: (node: AST.TemplateNode | AST.Fragment, source: string) => void): void {
  const source = readFileSync(join(root, file), 'utf8')
  const seen = new Set<unknown>()
  const enter = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return
    seen.add(value)
    if (Array.isArray(value)) return value.forEach(enter)
    if ('type' in value && typeof value.type === 'string') visit(value as AST.TemplateNode, source)
    Object.values(value).forEach(enter)
  }
  enter(parse(source, { modern: true }).fragment)
}

/** Lists of constants in the code, which are distinct by construction; none comes from a person or a server. */
const ownWords = new Set([
  'admin/ConnectionForm.svelte kind',
  'admin/ConnectionForm.svelte auth',
  'admin/models/ModelDialog.svelte capability',
  'admin/models/ModelDialog.svelte key',
  'admin/system/SystemField.svelte value',
  'admin/traces/TracesPage.svelte one',
  'admin/users/LimitsForm.svelte name',
  'chat/Marks.svelte mark.icon',
  'chat/ModelFilters.svelte one',
  'composer/Options.svelte chip.label',
  'composer/OptionsPanel.svelte choice',
  'common/TestReport.svelte hop',
  'composer/SetupDialog.svelte name',
  'imports/ImportPage.svelte source',
  'keys/KeyDialog.svelte n',
  'setup/SetupPage.svelte part',
  'share/ShareDialog.svelte n',
  'sidebar/UserMenuItems.svelte choice',
  'ui/Segments.svelte option.value',
  'usage/UsageTable.svelte column',
])
/** Unique on the server: a model within its connection, a folder of backups by its name. */
const stored = new Set([
  'admin/backups/BackupsPage.svelte backup.name',
  'admin/models/ModelsPage.svelte keyOf(model)',
  'admin/models/OrderDialog.svelte model.model',
])

it('keys every list by an id or by the place, never by what a person or a provider wrote', () => {
  const wrong: string[] = []
  let lists = 0
  for (const file of files) {
    walk(file, (node, source) => {
      if (node.type !== 'EachBlock') return
      lists++
      const key = node.key
        ? source.slice((node.key as unknown as { start: number }).start, (node.key as unknown as { end: number }).end)
        : ''
      const short = `${file.replace(/^lib\//, '')} ${key}`
      const isOwn = /^(\w+\.(id|key|seq|connectionId|path|field\.key)|from \+ index)$/.test(key)
      if (key !== node.index && !isOwn && !ownWords.has(short) && !stored.has(short)) wrong.push(short)
    })
  }
  expect(wrong).toEqual([])
  expect(lists).toBeGreaterThan(60)
}, 30_000) // it parses every component

it('writes blanks at the edge of an element as expressions, because the compiler trims them', () => {
  const wrong: string[] = []
  for (const file of files) {
    walk(file, (node, source) => {
      if (node.type !== 'Fragment') return
      const first = node.nodes[0]
      const last = node.nodes.at(-1)
      // A blank between two lines is layout of the source; one within a line is intended.
      if (first?.type === 'Text' && /^ [^\s]/.test(first.data)) wrong.push(`${file}: begins with "${first.data.slice(0, 12)}"`)
      if (last?.type === 'Text' && /[^\s] $/.test(last.data)) wrong.push(`${file}: ends with "${last.data.slice(-12)}"`)
      if (node.nodes.length > 1 && first?.type === 'Text' && first.data === ' ')
        wrong.push(`${file}: begins with a blank, ${source.slice(first.start, first.start + 24)}`)
      if (node.nodes.length > 1 && last?.type === 'Text' && last.data === ' ')
        wrong.push(`${file}: ends with a blank, ${source.slice(last.start - 24, last.end)}`)
    })
  }
  expect(wrong).toEqual([])
})

it('shows no validation message of the browser', () => {
  const wrong: string[] = []
  for (const file of files) {
    walk(file, (node) => {
      if (
        node.type === 'RegularElement' &&
        node.name === 'form' &&
        !node.attributes.some((one) => one.type === 'Attribute' && one.name === 'novalidate')
      )
        wrong.push(file)
    })
  }
  expect(wrong).toEqual([])
})
