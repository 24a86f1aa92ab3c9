/** A place in a text, in UTF-16 units. */
export interface Place {
  from: number
  to: number
}

const ascii = /^[\0-\x7f]*$/
const invisible = /\p{Default_Ignorable_Code_Point}/gu
/** What a letter is made of with what may join it: marks, vowels of Hangul, the voiced marks of half-width katakana. */
const joined = /[^][\p{M}\p{Default_Ignorable_Code_Point}\u1160-\u11ff\u3131-\u318e\uff9e-\uffdc]*/gu

/**
 * The form in which letters that are the same are equal: Unicode compatibility (NFKC), full case folding, without invisible characters.
 * A language's own rules do not fit a search over all of them, so the four letters i of Turkish are one. The server's searches do the
 * same (Data/Letters.cs), by a table that this function makes.
 */
export function fold(text: string): string {
  if (ascii.test(text)) return text.toLowerCase()
  const folded = text.replace(invisible, '').normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ')
    .normalize('NFKC')
  return folded.includes('\u0307') ? folded.normalize('NFD').replaceAll('i\u0307', 'i').normalize('NFC') : folded
}

/** The words of a query, and its phrases in quotation marks, each in folded form: what the server takes for one term. */
export function termsOf(query: string): string[] {
  const terms = Array.from(query.matchAll(/"([^"]*)(?:"|$)|[^\s"]+/g), (match) => fold((match[1] ?? match[0]).trim()))
  return [...new Set(terms.filter((term) => term !== ''))]
}

/** Whether a text holds all terms, which are folded. */
export const holds = (text: string, terms: readonly string[]): boolean => {
  const folded = fold(text)
  return terms.every((term) => folded.includes(term))
}

/** Where the folded terms stand in a text as it is written, in order and without overlap; of two that begin together the longer one. */
export function placesOf(text: string, terms: readonly string[]): Place[] {
  const { folded, froms, tos } = folding(text)
  const found = terms.flatMap((term) => occurrences(folded, term)).toSorted((one, other) => one.from - other.from || other.to - one.to)
  const places: Place[] = []
  for (const { from, to } of found) {
    const place = { from: froms[from] ?? from, to: tos[to - 1] ?? to }
    if (place.from >= (places.at(-1)?.to ?? 0)) places.push(place)
  }
  return places
}

function occurrences(text: string, term: string): Place[] {
  const places: Place[] = []
  for (let at = term === '' ? -1 : text.indexOf(term); at >= 0; at = text.indexOf(term, at + term.length))
    places.push({ from: at, to: at + term.length })
  return places
}

/** A folded text, and for each of its units where what it comes from begins and ends. The lists are empty when nothing has moved. */
function folding(text: string): { folded: string; froms: number[]; tos: number[] } {
  if (ascii.test(text)) return { folded: text.toLowerCase(), froms: [], tos: [] }
  let folded = ''
  const froms: number[] = []
  const tos: number[] = []
  for (const { 0: cluster, index } of text.matchAll(joined)) {
    const form = fold(cluster)
    folded += form
    for (let unit = 0; unit < form.length; unit++) {
      froms.push(index)
      tos.push(index + cluster.length)
    }
  }
  return { folded, froms, tos }
}
