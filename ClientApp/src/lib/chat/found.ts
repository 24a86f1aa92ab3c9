import { placesOf } from '../browser/letters'

const name = 'found'
const current = 'found-now'
const markMs = 2400

/**
 * Highlights every occurrence of the terms, which are folded, in an element without changing its nodes; a term may reach over several of
 * them, as where a word is bold.
 * @returns The ranges of the hits in reading order.
 */
export function markFound(element: Element, terms: readonly string[]): Range[] {
  const ranges = rangesOf(element, terms)
  if (typeof Highlight !== 'undefined') CSS.highlights.set(name, new Highlight(...ranges))
  return ranges
}

/** Highlights one of the hits above the others. */
export function markCurrent(range: Range | undefined): void {
  if (typeof Highlight === 'undefined') return
  CSS.highlights.delete(current)
  if (!range) return
  const mark = new Highlight(range)
  mark.priority = 1
  CSS.highlights.set(current, mark)
}

export function unmarkFound(): void {
  if (typeof Highlight === 'undefined') return
  CSS.highlights.delete(name)
  CSS.highlights.delete(current)
}

/** Highlights an element for a moment, then removes the marks of its words too. */
export function markBriefly(element: Element): void {
  element.setAttribute('data-found', '')
  setTimeout(() => {
    element.removeAttribute('data-found')
    unmarkFound()
  }, markMs)
}

function rangesOf(element: Element, terms: readonly string[]): Range[] {
  const nodes: { node: Node; from: number }[] = []
  let text = ''
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT, (node) => (
    // What is only for screen readers, and buttons, is no text of the message.
    node.parentElement?.closest('.visually-hidden, button, header, .actions') ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT
  ))
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    nodes.push({ node, from: text.length })
    text += node.nodeValue ?? ''
  }
  const ranges: Range[] = []
  for (const { from, to } of placesOf(text, terms)) {
    const range = new Range()
    const [first, firstOffset] = place(nodes, from)
    const [last, lastOffset] = place(nodes, to - 1)
    if (!first || !last) continue
    range.setStart(first, firstOffset)
    range.setEnd(last, lastOffset + 1)
    ranges.push(range)
  }
  return ranges
}

function place(nodes: readonly { node: Node; from: number }[], at: number): [Node | undefined, number] {
  const found = nodes.findLast((one) => one.from <= at)
  return [found?.node, at - (found?.from ?? 0)]
}
