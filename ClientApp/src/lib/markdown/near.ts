// As far as a chat is drawn ahead: what is drawn when it is seen already moves the lines below it.
const margin = '1500px'
// Wait until the text is on screen: loading formulas and code must not delay it.
const afterMs = 100

const waiting = new WeakMap<Element, () => void>()
let observer: IntersectionObserver | null = null

function watch(): IntersectionObserver {
  // The chat scrolls inside an element of its own. Only `scrollMargin` (newer browsers) extends that one's edge; older browsers call back
  // when the element comes into view.
  return new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue
      if (getComputedStyle(target).visibility === 'visible') setTimeout(() => release(target), afterMs)
      else askAgain(target)
    }
  }, { rootMargin: margin, scrollMargin: margin } as IntersectionObserverInit)
}

/** The chat is not visible yet and has to be shown first. An observer reports a newly observed element with the next frame. */
function askAgain(target: Element): void {
  observer?.unobserve(target)
  observer?.observe(target)
}

function release(target: Element): void {
  const run = waiting.get(target)
  waiting.delete(target)
  observer?.unobserve(target)
  run?.()
}

/** Calls back once, when the element comes near the view. An element nobody scrolls to costs nothing. */
export function whenNear(element: Element, run: () => void): void {
  observer ??= watch()
  waiting.set(element, run)
  observer.observe(element)
}
