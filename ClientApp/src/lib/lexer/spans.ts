import { addressEnd } from './address'
import { formulaAt } from './math'

export interface Span {
  from: number
  to: number
  kind: 'code' | 'math' | 'html' | 'address' | 'target'
}

/** A code span whose end has not arrived is none when it is longer. */
export const maxCode = 300

const tag = /<(?:\/?[a-z][^<>\n]*|!--[\s\S]*?--|[a-z][a-z\d+.-]*:[^\s<>]*)>/iy
const target = /\]\(\s*(?:<[^<>\n]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/y

/**
 * What stands in a text as it is: code, formulas, tags and addresses. Marks of emphasis, pipes and brackets inside mean nothing.
 * `open` is the begin of a code span that has no end.
 */
export function spansOf(text: string): { spans: Span[]; open: number } {
  const spans: Span[] = []
  let open = -1
  const add = (kind: Span['kind'], from: number, to: number) => spans.push({ kind, from, to })
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '`') {
      const end = codeEnd(text, at)
      let run = at
      while (text[run] === '`') run++
      if (end < 0) open = open < 0 ? at : open
      else add('code', at, end)
      at = (end < 0 ? run : end) - 1
    } else if (char === '\\' || char === '$') {
      const formula = formulaAt(text, at)
      if (formula) add('math', at, formula.end)
      if (formula) at = formula.end - 1
      else if (char === '\\') at++
    } else if (char === '<') {
      at = sticky('html', tag, at)
    } else if (char === ']' && text[at + 1] === '(') {
      at = sticky('target', target, at)
    } else if (char === 'h' || char === 'H' || char === 'w' || char === 'W') {
      const end = addressEnd(text, at)
      if (end > 0) add('address', at, end)
      if (end > 0) at = end - 1
    }
  }
  return { spans, open }

  function sticky(kind: Span['kind'], pattern: RegExp, at: number): number {
    pattern.lastIndex = at
    const [match] = pattern.exec(text) ?? []
    if (match === undefined) return at
    add(kind, at, at + match.length)
    return at + match.length - 1
  }
}

/** The end of the code span that begins at this place; -1 when its marks are not repeated. */
export function codeEnd(text: string, at: number): number {
  let run = at
  while (text[run] === '`') run++
  const marks = text.slice(at, run)
  for (let next = text.indexOf(marks, run); next >= 0; next = text.indexOf(marks, next)) {
    let end = next
    while (text[end] === '`') end++
    if (end - next === marks.length) return end
    next = end
  }
  return -1
}
