/**
 * What holds text: an anchor is looked for within. The head of code is sticky and moves against the text, so a figure is not among them.
 */
const passes = '.scroller, .column, article, .prose, ul, ol, li, blockquote, details, section'

/**
 * Keeps what is seen in place while something above it changes its height. The engines' own scroll anchoring differs, and WebKit has none,
 * so it is switched off.
 */
export class Anchor {
  #element: Element | null = null
  #place = 0

  constructor(private readonly scroller: HTMLElement) {}

  /** Remembers what stands at the upper edge of the view, and by which part of a pixel that is off its place. */
  mark(): void {
    const rest = this.#element?.isConnected ? this.#placeOf(this.#element) - this.#place : 0
    const edge = this.scroller.getBoundingClientRect().top
    let found: Element | null = null
    for (let inside: Element | null = this.scroller; inside?.matches(passes);) {
      inside = firstBelow(inside, edge)
      found = inside ?? found
      if (inside && inside.getBoundingClientRect().top >= edge) break
    }
    this.#element = found
    // Views stand at whole pixels, drawn turns do not: forgotten with each of them, the parts would add up to a step that is seen.
    if (found) this.#place = this.#placeOf(found) - (Math.abs(rest) < 1 ? rest : 0)
  }

  /** Wants this element at this distance from the upper edge of the view. */
  pin(element: Element, offset: number): void {
    this.#element = element
    this.#place = offset + this.scroller.scrollTop
    this.hold()
  }

  /**
   * Scrolls by as much as it was moved, before the next frame is painted. What cannot be scrolled yet, because there is nothing to scroll
   * to, is made up for later.
   */
  hold(): void {
    if (!this.#element?.isConnected) {
      this.mark()
      return
    }
    const by = this.#placeOf(this.#element) - this.#place
    if (Math.abs(by) < 0.1) return
    const before = this.scroller.scrollTop
    // Not by setting scrollTop: for Firefox that ends the movement of a wheel step, a relative one joins it.
    this.scroller.scrollBy({ top: by, behavior: 'instant' })
    this.#place += this.scroller.scrollTop - before
  }

  /** Within the scrolled content, so scrolling does not change it. */
  #placeOf(element: Element): number {
    return element.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top + this.scroller.scrollTop
  }
}

function firstBelow(parent: Element, edge: number): Element | null {
  // What stands above the text of an answer stays there when more of the text is drawn below it.
  const text = parent.matches('article') ? parent.querySelector(':scope > .prose') : null
  if (text && text.getBoundingClientRect().bottom > edge) return text
  for (const child of parent.children) {
    if (child.matches('.pad, .older')) continue
    const { bottom, height } = child.getBoundingClientRect()
    if (height > 0 && bottom > edge) return child
  }
  return null
}
