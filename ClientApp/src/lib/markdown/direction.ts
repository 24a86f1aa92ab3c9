const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/g
const leftToRight = /[A-Za-z\u00c0-\u024f\u0370-\u058f\u0900-\u1fff\u2e80-\ud7ff]/g
const code = /`[^`]*`|https?:\/\/\S+|<[^<>]*>|^ *```[\s\S]*?^ *```/gm

/**
 * The direction of a block that holds others: the one of most of its letters. `dir="auto"` would look past every child that has a direction
 * of its own, and put markers and edges of a list or quotation on the wrong side.
 */
export function directionOf(source: string): 'rtl' | 'ltr' | 'auto' {
  if (source.search(rightToLeft) < 0) return 'auto'
  const words = source.replace(code, '')
  const right = words.match(rightToLeft)?.length ?? 0
  return right >= (words.match(leftToRight)?.length ?? 0) ? 'rtl' : 'ltr'
}

/** Lets the browser look at the content again: Chromium keeps the direction that an empty element had when its text was put in by code. */
export function refreshDirection(node: HTMLElement): void {
  const holder = node.closest<HTMLElement>('[dir]')
  if (holder?.getAttribute('dir') === 'auto') holder.setAttribute('dir', 'auto')
}
