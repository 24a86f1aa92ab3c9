import { fold } from '../../src/lib/browser/letters'

const hex = (code: number) => code.toString(16).toUpperCase().padStart(4, '0')
const codes = (text: string) => Array.from(text, (letter) => letter.codePointAt(0) ?? 0)
const hexes = (text: string) => codes(text).map(hex).join(' ')

/** The text of Data/letters.txt, as this Node.js knows Unicode. */
export function lettersTable(): string {
  const folded = new Map<number, string>()
  const same: number[] = []
  for (let code = 0x80; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue
    const letter = String.fromCodePoint(code)
    // The dot of the Turkish i goes with the letter before it, so it is kept in what is joined later.
    const form = letter === 'İ' ? 'i\u0307' : fold(letter)
    if (form !== letter) folded.set(code, form)
    else if (/\P{Cn}/u.test(letter)) same.push(code)
  }
  return [
    `# Made by ClientApp/tests/unit/letters.test.ts with Unicode ${process.versions['unicode']}. What each letter folds to: a letter, or a`,
    '# range of them, and its form; +n and -n: that far away; /2: every second one.',
    ...runs(folded),
    '# What a letter and a mark become together.',
    ...pairs(same),
    '# Marks that change places, by the order in which they stand.',
    ...marks(same),
    '',
  ].join('\n')
}

/** Letters in a row with forms at the same distance are one line. */
function runs(folded: Map<number, string>): string[] {
  const lines: string[] = []
  const done = new Set<number>()
  const distance = (code: number) => {
    const form = codes(folded.get(code) ?? '')
    return form.length === 1 ? (form[0] ?? 0) - code : null
  }
  for (const [code, form] of folded) {
    if (done.has(code)) continue
    const alike = (next: number) => folded.has(next) && !done.has(next)
      && (form === '' ? folded.get(next) === '' : distance(code) !== null && distance(next) === distance(code))
    const step = alike(code + 1) ? 1 : alike(code + 2) && form !== '' ? 2 : 0
    let last = code
    while (step > 0 && alike(last + step)) last += step
    for (let each = code; step > 0 && each <= last; each += step) done.add(each)
    const by = distance(code) ?? 0
    if (last === code) lines.push(`${hex(code)} ${hexes(form)}`.trimEnd())
    else lines.push(`${hex(code)}-${hex(last)}${step === 2 ? '/2' : ''}${form === '' ? '' : ` ${by < 0 ? '-' : '+'}${hex(Math.abs(by))}`}`)
  }
  return lines
}

/** Hangul is put together by arithmetic. */
function pairs(same: number[]): string[] {
  return same.flatMap((code) => {
    const parts = codes(String.fromCodePoint(code).normalize('NFD'))
    const last = parts.pop() ?? 0
    const first = String.fromCodePoint(...parts).normalize('NFC')
    if (parts.length === 0 || (code >= 0xac00 && code <= 0xd7a3)) return []
    if (codes(first).length !== 1 || (first + String.fromCodePoint(last)).normalize('NFC') !== String.fromCodePoint(code))
      throw new Error(`${hex(code)} is not made of two`)
    return [`=${hex(code)} ${hexes(first)} ${hex(last)}`]
  })
}

function marks(same: number[]): string[] {
  const text = (...parts: number[]) => String.fromCodePoint(...parts)
  const swaps = (one: number, other: number) => text(one, other).normalize('NFD') === text(other, one)
  // 0334 stands first of all, 0301 after it.
  const found = same.filter((code) => swaps(code, 0x334) || swaps(0x301, code))
  const ranks: number[][] = []
  for (const mark of found) {
    const place = ranks.findIndex(([other]) => other !== undefined && !swaps(mark, other))
    const there = ranks[place]?.[0]
    if (there === undefined) ranks.push([mark])
    else if (swaps(there, mark)) ranks.splice(place, 0, [mark])
    else ranks[place]?.push(mark)
  }
  return ranks.flatMap((rank, at) => spans(rank).map((span) => `^${at + 1} ${span}`))
}

function spans(sorted: number[]): string[] {
  const found: string[] = []
  for (let at = 0; at < sorted.length; at++) {
    const from = sorted[at] ?? 0
    while (sorted[at + 1] === (sorted[at] ?? 0) + 1) at++
    const to = sorted[at] ?? 0
    found.push(from === to ? hex(from) : `${hex(from)}-${hex(to)}`)
  }
  return found
}
