/** The first line of a fence: its marks and what stands behind them. */
export interface Fence {
  raw: string
  text: string
  info: string
  closed: boolean
}

const opens = /^( {0,3})(`{3,}|~{3,})([^\n]*)(?:\n|$)/

/**
 * The fence at the begin of the text. Within a fence of Markdown the fences of its own code are counted, because models write them with as
 * many marks as the outer one; when that leaves the outer one open, it ends where CommonMark ends it.
 */
export function fenceOf(src: string, live: boolean): Fence | null {
  const begin = opens.exec(src)
  if (!begin || (begin[2]?.startsWith('`') && begin[3]?.includes('`'))) return null
  const info = (begin[3] ?? '').trim()
  const nests = /^(?:markdown|md|mdx)\b/i.test(info)
  const plain = scan(src, begin, info, false)
  if (!nests || !plain.closed) return plain
  const nested = scan(src, begin, info, true)
  return nested.closed || live ? nested : plain
}

function scan(src: string, begin: RegExpExecArray, info: string, nests: boolean): Fence {
  const [first, indent = '', marks = ''] = begin
  const lines: string[] = []
  const char = marks.charAt(0)
  const line = new RegExp(`^ {0,3}(\\${char}{${marks.length},})[ \\t]*(.*)$`)
  let at = first.length
  let depth = 0
  while (at < src.length) {
    const newline = src.indexOf('\n', at)
    const end = newline < 0 ? src.length : newline
    const one = src.slice(at, end)
    const match = line.exec(one)
    if (match && match[2] === '') {
      // What a colon announces comes next: this one begins code of the document.
      if (depth === 0 && nests && /[:：]\s*$/.test(lines.findLast((before) => /\S/.test(before)) ?? '')) depth++
      else if (depth === 0) {
        return { raw: src.slice(0, Math.min(end + 1, src.length)), text: lines.join('\n'), info, closed: true }
      } else depth--
    } else if (nests && match && /^[\w+#.-]+$/.test(match[2] ?? '')) depth++
    lines.push(one.startsWith(indent) ? one.slice(indent.length) : one.trimStart())
    at = end + 1
  }
  return { raw: src, text: lines.join('\n'), info, closed: false }
}

const byName: Record<string, string> = { dockerfile: 'dockerfile', makefile: 'makefile', 'nginx.conf': 'nginx', 'cmakelists.txt': 'cmake' }

/** What the info line of a fence says: a language, a file, or both in one of the notations that models use. */
export function infoOf(info: string): { language: string; file: string } {
  const named = /\b(?:title|file|filename|name|path)\s*[=:]\s*(?:"([^"]*)"|'([^']*)'|([^\s}]+))/i.exec(info)
  const file = named?.[1] ?? named?.[2] ?? named?.[3] ?? ''
  const word = /^[^\s{]+/.exec(info)?.[0] ?? /^\{\s*\.?([\w+#-]+)/.exec(info)?.[1] ?? ''
  if (word === '' || word === named?.[0]) return { language: languageOf(file), file }
  // ```python:src/app.py
  const joined = /^([\w+#-]+):(\S*[^\s:\d]\S*)$/.exec(word)
  if (joined) return { language: joined[1] ?? '', file: file || (joined[2] ?? '') }
  // ```src/app.py, ```app.py
  if (/[/\\]/.test(word) || /^[\w-]+(?:\.[\w-]+)*\.[a-z]\w{0,7}$/i.test(word) || word.toLowerCase() in byName) {
    if (!(word.toLowerCase() in byName) || word.includes('.')) return { language: languageOf(word), file: file || word }
  }
  // ```python app.py
  const second = /^\S+\s+(\S+)/.exec(info)?.[1] ?? ''
  const path = /^[\w./\\@-]+\.[a-z]\w{0,7}$/i.test(second) ? second : ''
  return { language: /^[\w+#.-]+/.exec(word)?.[0] ?? '', file: file || path }
}

function languageOf(file: string): string {
  const name = (file.split(/[/\\]/).at(-1) ?? '').toLowerCase()
  const extension = name.includes('.') ? (name.split('.').at(-1) ?? '') : ''
  return byName[name] ?? extension
}
