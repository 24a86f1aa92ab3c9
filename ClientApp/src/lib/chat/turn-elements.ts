/** The drawn turns of a chat as elements of the document. */
export const turnElements = (scroller: HTMLElement | null) => [...scroller?.querySelectorAll<HTMLElement>('[data-key]') ?? []]

const blocksOf = (turn: Element | null | undefined) => [...turn?.querySelectorAll(':scope > .prose > *') ?? []]

/** A turn, or one of its drawn blocks. */
export function elementOf(scroller: HTMLElement | null, key: number, block?: number): Element | null {
  const turn = scroller?.querySelector(`[data-key="${key}"]`) ?? null
  return block === undefined ? turn : blocksOf(turn)[block] ?? turn
}

/** The reader works in it: it has the focus, text in it is selected, or it is being edited. */
export function isHeld(turn: HTMLElement): boolean {
  const selection = getSelection()
  return (
    turn.contains(document.activeElement) || turn.querySelector('textarea') !== null ||
    (selection !== null && !selection.isCollapsed && selection.containsNode(turn, true))
  )
}

/**
 * The turns in view and where they stand, each by its first block that is seen: what is drawn late below it, as formulas are, does not
 * move it.
 */
export function placesIn(scroller: HTMLElement): { key: string; offset: number; block?: number }[] {
  const view = scroller.getBoundingClientRect()
  const topOf = (element: Element) => element.getBoundingClientRect().top - view.top
  const isSeen = (element: Element) => topOf(element) < view.height && element.getBoundingClientRect().bottom > view.top
  return turnElements(scroller).filter(isSeen).map((turn) => {
    const key = turn.dataset['key'] ?? ''
    const blocks = topOf(turn) >= 0 ? [] : blocksOf(turn)
    const block = blocks.findIndex(isSeen)
    const element = blocks[block]
    return element ? { key, offset: topOf(element), block } : { key, offset: topOf(turn) }
  })
}
