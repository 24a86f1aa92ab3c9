import { maxCode, spansOf } from './spans'

// CommonMark decides by the characters on both sides whether a run of stars opens or closes emphasis, and asks for a space or
// punctuation outside whenever there is punctuation inside. Chinese, Japanese and Korean write no such spaces, so `**“强调”**的` and
// `**注意：**正文` stay raw there, and so does `**Note:**text`, which models write as well. Here:
// - Two stars and more open unless a space follows, and close unless a space precedes; only an opening bracket before them or a closing
//   one behind them speaks against it.
// - A single star follows CommonMark, with the neighbourhood of an East Asian character in place of the space.
// - A star between numbers or brackets is a multiplication.
// - Two tildes strike through, one never does: `10~20 度`.

export interface Pair {
  /** Where the closing marks begin. */
  close: number
  size: number
  /** The end has not arrived yet. */
  pending: boolean
}

interface Run {
  at: number
  char: string
  length: number
  /** Marks that are not used up, from `at` on. */
  left: number
  opens: boolean
  closes: boolean
}

const eastAsian = /[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\u{20000}-\u{3ffff}]/u
const punctuation = /[\p{P}\p{S}]/u
const opening = /\p{Ps}/u
const closing = /[\p{Pe}\p{Pf}，。、：；！？]/u
const blank = /^\s?$/

/** The marks of emphasis in a text that belong together, by the place of the opening ones. */
export function pairsOf(text: string, live: boolean): Map<number, Pair> {
  const pairs = new Map<number, Pair>()
  if (!/[*_]|~~/.test(text)) return pairs
  const open: Run[] = []
  for (const run of runsOf(text, live)) {
    if (run.closes) close(run)
    if (run.left > 0 && run.opens) open.push(run)
  }
  if (live) for (const run of open) pend(run)
  return pairs

  function close(run: Run): void {
    // The marks of a name belong to it: in `__name__ == "__main__"` the outer ones are not a pair.
    const name = open.findLastIndex((one) => one.char === run.char && isName(text, one, run))
    if (name >= 0) {
      open.splice(name, 1)
      run.left = 0
      return
    }
    let at = run.at
    while (run.left > 0) {
      const may = (one: Run) => one.char === run.char && fits(one, run)
      // Marks of the same length first: in `**bold *with a star** after` the single star is left over.
      const same = open.findLastIndex((one) => may(one) && Math.min(one.left, 3) === Math.min(run.left, 3))
      const index = same >= 0 ? same : open.findLastIndex(may)
      const opener = open[index]
      if (!opener) return
      const size = run.char === '~' || (opener.left >= 2 && run.left >= 2) ? 2 : 1
      opener.left -= size
      run.left -= size
      pairs.set(opener.at + opener.left, { close: at, size, pending: false })
      at += size
      open.length = opener.left > 0 ? index + 1 : index
    }
  }

  /** The last marks that were opened are drawn as closed by the end of the text, because their own end is still to come. */
  function pend(run: Run): void {
    const size = run.left >= 2 ? 2 : 1
    // Within a word it is a power or a pointer until its end has come.
    if (/\w/.test(before(text, run.at)) && /\w/.test(after(text, run.at + run.length))) return
    if (run.char === '_' && size === 2 && /^[a-z]+(?:_|$)/.test(text.slice(run.at + 2))) return
    if (text.length - run.at > (size === 2 ? 600 : 200)) return
    if (run.left === 3) pairs.set(run.at + 2, { close: text.length, size: 1, pending: true })
    pairs.set(run.at, { close: text.length, size, pending: true })
  }
}

/** CommonMark's rule of three: of runs that could both open and close, those do not match whose lengths add up to a multiple of three. */
function fits(opener: Run, closer: Run): boolean {
  if (opener.char === '~') return true
  if (!(opener.closes || closer.opens) || (opener.length + closer.length) % 3 !== 0) return true
  return opener.length % 3 === 0 && closer.length % 3 === 0
}

const names = new Set(
  'init main name file doc all dict class str repr call len iter next new del enter exit eq hash slots version import future'.split(' '),
)

/** `__init__` is a name of Python and not bold. */
const isName = (text: string, opener: Run, closer: Run) =>
  opener.char === '_' && opener.length === 2 && names.has(text.slice(opener.at + 2, closer.at))

function* runsOf(text: string, live: boolean): Generator<Run> {
  const { spans, open } = spansOf(text)
  const end = live && open >= 0 && text.length - open <= maxCode ? open : text.length
  let next = 0
  for (let at = 0; at < end; at++) {
    while (spans[next] && (spans[next]?.to ?? 0) <= at) next++
    const span = spans[next]
    if (span && span.from <= at) {
      at = span.to - 1
      continue
    }
    const char = text[at] ?? ''
    if (char === '\\') at++
    if (char !== '*' && char !== '_' && char !== '~') continue
    let to = at
    while (text[to] === char) to++
    const run = { at, char, length: to - at, left: to - at, ...sides(text, at, to, char) }
    at = to - 1
    if ((run.opens || run.closes) && (char !== '~' || run.length === 2)) yield run
  }
}

const before = (text: string, at: number) => {
  const code = text.charCodeAt(at - 1)
  return code >= 0xdc00 && code <= 0xdfff ? text.slice(at - 2, at) : text.slice(Math.max(0, at - 1), at)
}
const after = (text: string, at: number) => {
  const code = text.codePointAt(at)
  return code === undefined ? '' : String.fromCodePoint(code)
}

function sides(text: string, at: number, end: number, char: string): { opens: boolean; closes: boolean } {
  const prev = before(text, at)
  const next = after(text, end)
  const [spaceBefore, spaceAfter] = [blank.test(prev), blank.test(next)]
  if (char === '~' || (char === '*' && end - at > 1)) {
    // `2**10`, `x**2` are powers.
    const power = char === '*' && ((/\w/.test(prev) && /\d/.test(next)) || (/\d/.test(prev) && /\w/.test(next)))
    // `src/**/*.ts`
    if (prev === '/' && next === '/') return { opens: false, closes: false }
    // `100~~200`
    if (char === '~' && /\d/.test(prev) && /\d/.test(next)) return { opens: false, closes: false }
    return {
      opens: !power && !spaceAfter && (spaceBefore || !closing.test(next)),
      closes: !spaceBefore && (spaceAfter || !opening.test(prev)),
    }
  }
  const [foreignBefore, foreignAfter] = [eastAsian.test(prev), eastAsian.test(next)]
  const markBefore = punctuation.test(prev) && !foreignBefore
  const markAfter = punctuation.test(next) && !foreignAfter
  const left = !spaceAfter && (!markAfter || spaceBefore || markBefore || foreignBefore)
  const right = !spaceBefore && (!markBefore || spaceAfter || markAfter || foreignAfter)
  if (char === '*') {
    if (/[\d)\]]/.test(prev) && /[\w([]/.test(next)) return { opens: false, closes: false }
    if (/[\w)\]]/.test(prev) && /[\d([]/.test(next)) return { opens: false, closes: false }
    return { opens: left, closes: right }
  }
  // Underscores stay inside names, East Asian ones too: `变量_名`.
  const wordBefore = !spaceBefore && !punctuation.test(prev)
  const wordAfter = !spaceAfter && !punctuation.test(next)
  return { opens: left && !wordBefore, closes: right && !wordAfter }
}
