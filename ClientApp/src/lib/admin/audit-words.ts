import type { AuditItem } from '../api/admin'
import type { I18n } from '../i18n/index.svelte'

type Words = Pick<I18n, 't' | 'told' | 'list'>

/** Targets that the deed names already. */
const quiet = new Set(['traces', 'catalog', 'settings', 'login'])

/** What was done, as words; a code that this version of the page does not know stays a code. */
export const deedOf = (entry: Pick<AuditItem, 'action'>, i18n: Words): string => i18n.told(`audit.do.${entry.action}`, entry.action)

/** To what: "user:2 mia" is the user mia. */
export function targetOf(entry: Pick<AuditItem, 'target'>, i18n: Words): string {
  const match = /^(\w+)(?::(\S*))?(?: (.+))?$/.exec(entry.target ?? '')
  if (!match) return entry.target ?? ''
  const [, kind = '', id = '', name] = match
  const what = quiet.has(kind) ? '' : i18n.told(`audit.on.${kind}`, kind)
  return [what, name ?? (id === '' ? '' : /^\d+$/.test(id) ? `#${id}` : id)].filter((part) => part !== '').join(' ')
}

/** With which values: settings by their labels, flags as words; names and addresses as they are. */
export function detailOf(entry: Pick<AuditItem, 'action' | 'detail'>, i18n: Words): string {
  const { action, detail } = entry
  if (!detail) return ''
  if (action === 'settings.change')
    return i18n.list(parts(detail).map((part) => {
      const match = /^([\w.]+) = (.*)$/s.exec(part)
      if (!match) return part
      const [, key = '', value = ''] = match
      const bare = plain(value, i18n)
      return `${i18n.told(`system.${key}`, key)} = ${i18n.told(`system.${key}.${bare}`, word(bare, i18n))}`
    }))
  const scopes = parsed(detail)
  if (Array.isArray(scopes)) return i18n.list(scopes.map((scope) => i18n.told(`apikey.scope.${String(scope)}`, String(scope))))
  const empty = /^(keys|headers) \[\]$/
  return i18n.list(parts(detail).filter((part) => !empty.test(part)).map((part) => word(part, i18n)))
}

/** Splits at the commas between entries, not at those within a list. */
const parts = (text: string): string[] => text.split(/, (?![^[]*\])/)

/** A value that is written as JSON, as a reader writes it. */
function plain(text: string, i18n: Words): string {
  const value = parsed(text)
  return Array.isArray(value) ? i18n.list(value.map(String)) : typeof value === 'string' ? value : text
}

/** Undefined for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function word(text: string, i18n: Words): string {
  const count = /^(\d+) (days|models|overrides)$/.exec(text)
  if (count) return i18n.told(`audit.count.${count[2] ?? ''}`, text, { count: Number(count[1]) })
  const list = /^(keys|headers|proxy) (.+)$/.exec(text)
  if (list) {
    const value = list[2] === 'none' ? 'unused' : plain(list[2] ?? '', i18n)
    return `${i18n.told(`audit.word.${list[1] ?? ''}`, list[1] ?? '')} ${i18n.told(`audit.word.${value}`, value)}`
  }
  return i18n.told(`audit.word.${text}`, text)
}
