/** Forms that were sent and have shown no wrong field since. */
const sent = new WeakSet<HTMLFormElement>()

if (typeof document !== 'undefined') {
  document.addEventListener('submit', (event) => { if (event.target instanceof HTMLFormElement) sent.add(event.target) }, true)
  // Whoever types on is not to be moved elsewhere.
  document.addEventListener('input', (event) => {
    const form = event.target instanceof Element && event.target.closest('form')
    if (form) sent.delete(form)
  }, true)
}

/** After a form was sent: moves the focus to its first field that is wrong. */
export function focusFirstWrong(inside: Element): void {
  const form = inside.closest('form')
  const wrong = form?.querySelector<HTMLElement>('[aria-invalid="true"]')
  if (!form || !wrong || !sent.delete(form)) return
  wrong.focus()
  wrong.scrollIntoView({ block: 'nearest' })
}

/** Focuses the first field that is still empty; not on a phone, where the keyboard would hide the rest. */
export function focusFirst(form: HTMLFormElement): void {
  if (!matchMedia('(pointer: fine)').matches) return
  const fields = [...form.querySelectorAll<HTMLInputElement>('input:not([type=radio])')]
  ;(fields.find((field) => field.value === '') ?? fields[0])?.focus()
}
