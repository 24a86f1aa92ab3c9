const name = 'found'
const markMs = 2400

/** Highlights every occurrence of the words in an element without changing its nodes. Returns the first range. */
export function markFound(element: Element, query: string): Range | null {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== '')
  const ranges: Range[] = []
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = (node.nodeValue ?? '').toLowerCase()
    for (const word of words) {
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
        const range = new Range()
        range.setStart(node, at)
        range.setEnd(node, at + word.length)
        ranges.push(range)
      }
    }
  }
  if (typeof Highlight !== 'undefined') CSS.highlights.set(name, new Highlight(...ranges))
  return ranges[0] ?? null
}

export function unmarkFound(): void {
  if (typeof Highlight !== 'undefined') CSS.highlights.delete(name)
}

/** Highlights an element for a moment, then removes the marks of its words too. */
export function markBriefly(element: Element): void {
  element.setAttribute('data-found', '')
  setTimeout(() => {
    element.removeAttribute('data-found')
    unmarkFound()
  }, markMs)
}
