import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fold, holds, placesOf, termsOf } from '../../src/lib/browser/letters'
import { lettersTable } from './letters-table'

const file = join(import.meta.dirname, '../../../Data/letters.txt')

describe('letters', () => {
  it('are the same in every form', () => {
    for (const [one, other] of [
      ['ÜBERWEISUNG', 'überweisung'], ['ΣΊΣΥΦΟΣ', 'σίσυφος'], ['STRASSE', 'straße'], ['STRAẞE', 'strasse'], ['cafe\u0301', 'CAFÉ'],
      ['ＡＰＩ', 'api'], ['ﾊﾟｿｺﾝ', 'パソコン'], ['ｶﾞ', 'カ\u3099'], ['oﬃce', 'OFFICE'], ['İSTANBUL', 'istanbul'], ['ISPARTA', 'ısparta'],
      ['Über\u00adweisung', 'überweisung'], ['한글'.normalize('NFD'), '한글'], ['ſtrong', 'STRONG'], ['①㎏™', '1kgtm'], ['𝐁𝐨𝐥𝐝', 'bold'],
      ['Việt'.normalize('NFD'), 'VIỆT'], ['ᾳ', 'ΑΙ'], ['Ǆ', 'ǆ'], ['K', 'k'], ['և', 'ԵՒ'],
    ] as const)
      expect([one, fold(one)]).toEqual([one, fold(other)])
    expect(fold('cafe')).not.toBe(fold('café'))
    expect(fold('か')).not.toBe(fold('カ'))
  })
  it('of a query are its words and phrases', () => {
    expect(termsOf(' Ａ "b  C" d"e f')).toEqual(['a', 'b  c', 'd', 'e f'])
    expect(termsOf('word WORD " " \u00ad')).toEqual(['word'])
    expect(holds('Größe und STRASSE', termsOf('straße grösse'))).toBe(true)
  })
  it('are found where they are written', () => {
    const marked = (text: string, query: string) => placesOf(text, termsOf(query)).map(({ from, to }) => text.slice(from, to))
    expect(marked('Die Straße, die STRASSE.', 'strasse')).toEqual(['Straße', 'STRASSE'])
    expect(marked('ein ﬁ und ﬁn', 'fin')).toEqual(['ﬁn'])
    expect(marked('x ﬁ y', 'i')).toEqual(['ﬁ'])
    expect(marked('un cafe\u0301 ici', 'café')).toEqual(['cafe\u0301'])
    expect(marked('ﾊﾟｿｺﾝ教室', 'パソコン')).toEqual(['ﾊﾟｿｺﾝ'])
    expect(marked('İİİ istanbul', 'istanbul')).toEqual(['istanbul'])
    expect(marked('𝐁𝐨𝐥𝐝 bold', 'bold')).toEqual(['𝐁𝐨𝐥𝐝', 'bold'])
    expect(marked('abcabc', 'ab abc')).toEqual(['abc', 'abc'])
    expect(marked('Über\u00adweisung', 'ÜBERWEISUNG')).toEqual(['Über\u00adweisung'])
  })
})

/** The server has no Unicode library. Its table is what this page does, letter by letter: UPDATE_LETTERS=1 writes it again. */
describe('the table of the server', () => {
  it('says the same of each letter', () => {
    const table = lettersTable()
    if (process.env['UPDATE_LETTERS']) writeFileSync(file, table)
    const kept = readFileSync(file, 'utf8')
    const version = /Unicode ([\d.]+)/.exec(kept)?.[1]
    // Another Node.js may know more letters or fewer; those that both know never change.
    if (version === process.versions['unicode']) expect(kept).toBe(table)
    else expect(kept.length).toBeGreaterThan(40_000)
  })
})
