import { markBriefly } from '../chat/found'

const patienceMs = 5000

/** Scrolls to the setting with this label and focuses it, as soon as its page is rendered. */
export function revealSetting(root: HTMLElement, label: string): void {
  const find = () =>
    [...root.querySelectorAll<HTMLElement>('main .label, main label, main h2')].find((one) => one.textContent?.trim() === label)
  const show = (named: HTMLElement) => {
    const row = named.closest<HTMLElement>('.row, .field') ?? named
    row.scrollIntoView({ block: 'center' })
    row.querySelector<HTMLElement>('input:not([hidden]), select, textarea, button, a, [tabindex="0"]')?.focus({ preventScroll: true })
    markBriefly(row)
  }
  const there = find()
  if (there) {
    show(there)
    return
  }
  const observer = new MutationObserver(() => {
    const named = find()
    if (!named) return
    observer.disconnect()
    show(named)
  })
  observer.observe(root, { childList: true, subtree: true })
  setTimeout(() => observer.disconnect(), patienceMs)
}
