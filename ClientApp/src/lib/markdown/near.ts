const margin = '600px'
// The text itself is on screen by then: what is loaded for its formulas and its code must not hold it up.
const afterMs = 100

const waiting = new WeakMap<Element, () => void>()
let observer: IntersectionObserver | null = null

function watch(): IntersectionObserver {
  // The chat scrolls inside an element of its own: only `scrollMargin` (newer browsers) looks beyond that one's edge; elsewhere
  // it is drawn when it comes into view.
  return new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue
      if (getComputedStyle(target).visibility === 'visible') setTimeout(() => release(target), afterMs)
      else askAgain(target)
    }
  }, { rootMargin: margin, scrollMargin: margin } as IntersectionObserverInit)
}

/** It stands in a chat that is not shown yet, which comes first: an observer tells about what it begins to watch with the next frame. */
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

/** Calls back once, when the element comes near the part that is seen. What nobody scrolls to costs nothing. */
export function whenNear(element: Element, run: () => void): void {
  observer ??= watch()
  waiting.set(element, run)
  observer.observe(element)
}
