const margin = '600px'

const waiting = new WeakMap<Element, () => void>()
let observer: IntersectionObserver | null = null

function watch(): IntersectionObserver {
  // The chat scrolls inside an element of its own: only `scrollMargin` (newer browsers) looks beyond that one's edge; elsewhere
  // it is drawn when it comes into view.
  return new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) release(target)
  }, { rootMargin: margin, scrollMargin: margin } as IntersectionObserverInit)
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
