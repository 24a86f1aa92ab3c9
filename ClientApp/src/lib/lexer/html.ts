// The one sanitiser: what of a model's HTML is drawn. Tags of this list are drawn without any attribute, `details` and plain tables by
// their parts, comments not at all. Everything else is shown as the source it is.

const inlineTags = new Set(
  'b i u s em strong sub sup kbd mark small q var samp cite ins del code abbr dfn ruby rt rp'.split(' '),
)

export interface Tag {
  name: string
  closing: boolean
}

/** A drawn tag within a line; null for every other. */
export function inlineTag(raw: string): Tag | null {
  const match = /^<(\/?)([a-z]+)(?:\s[^<>]*)?\/?>$/i.exec(raw)
  const name = match?.[2]?.toLowerCase() ?? ''
  return match && (name === 'br' || inlineTags.has(name)) ? { name, closing: match[1] === '/' } : null
}

const fence = /^ {0,3}(`{3,}|~{3,})/

export interface Details {
  raw: string
  open: boolean
  summary: string
  inner: string
}

/** A block that opens and closes; one without an end reaches to the end of the text, as in a browser. */
export function detailsOf(src: string): Details | null {
  const begin = /^ {0,3}<details((?:\s+[\w-]+(?:=(?:"[^"<>]*"|'[^'<>]*'|[\w-]+))?)*)\s*>/i.exec(src)
  if (!begin) return null
  const { end, to } = detailsEnd(src, begin[0].length)
  let inner = src.slice(begin[0].length, to)
  const summary = /^\s*<summary[^<>]*>([\s\S]*?)(?:<\/summary>|$|\n\s*\n)/i.exec(inner)
  if (summary) inner = inner.slice(summary[0].length)
  const raw = src.slice(0, end)
  return { raw, open: /\sopen\b/i.test(begin[1] ?? ''), summary: (summary?.[1] ?? '').replace(/\s+/g, ' ').trim(), inner: dedent(inner) }
}

function detailsEnd(src: string, from: number): { end: number; to: number } {
  let depth = 1
  let marks = ''
  let at = from
  for (const line of src.slice(from).split('\n')) {
    const fenced = fence.exec(line)?.[1] ?? ''
    if (marks !== '' ? fenced.startsWith(marks) && line.trim() === fenced : fenced !== '') marks = marks === '' ? fenced : ''
    else if (marks === '') {
      for (const tag of line.matchAll(/<(\/?)details\b[^<>]*>/gi)) {
        depth += tag[1] === '/' ? -1 : 1
        if (depth > 0) continue
        const to = at + tag.index
        const rest = /^[ \t]*(?:\n+|$)/.exec(src.slice(to + tag[0].length))
        return { to, end: to + tag[0].length + (rest?.[0].length ?? 0) }
      }
    }
    at += line.length + 1
  }
  return { to: src.length, end: src.length }
}

function dedent(text: string): string {
  const lines = text.split('\n')
  const indents = lines.slice(1).filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)?.[0].length ?? 0)
  const indent = indents.length > 0 ? Math.min(...indents) : 0
  return indent === 0 ? text : lines.map((line, at) => (at === 0 ? line : line.slice(indent))).join('\n')
}

/** The source of an HTML table; one without an end reaches to the next empty line, or to the end of the text while it grows. */
export function tableSource(src: string, live: boolean): string | null {
  if (!/^ {0,3}<table[\s>]/i.test(src)) return null
  const end = /<\/table\s*>[ \t]*(?:\n|$)/i.exec(src)
  if (end) return src.slice(0, end.index + end[0].length)
  if (live) return src
  const blank = /\n[ \t]*\n/.exec(src)
  return blank ? src.slice(0, blank.index + 1) : src
}
