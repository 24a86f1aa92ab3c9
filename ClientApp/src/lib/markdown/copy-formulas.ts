// KaTeX draws a formula twice, once for screen readers, so a selection that is copied holds it three times over: as both and as its source.
// Here it is copied once, as TeX.

const formulas = '.katex'

function whole(node: Node, end: boolean, range: Range): void {
  const formula = (node instanceof Element ? node : node.parentElement)?.closest(formulas)
  if (!formula) return
  if (end) range.setEndAfter(formula)
  else range.setStartBefore(formula)
}

/** What is selected, each formula once; null when nothing is. */
function read(): { text: string; html: string; formulas: number } | null {
  const selection = getSelection()
  if (!selection || selection.rangeCount === 0 || selection.isCollapsed) return null
  const range = selection.getRangeAt(0).cloneRange()
  whole(range.startContainer, false, range)
  whole(range.endContainer, true, range)
  const content = range.cloneContents()
  const drawn = content.querySelectorAll(formulas)
  for (const formula of drawn) {
    const tex = formula.querySelector('annotation')?.textContent ?? ''
    const display = formula.parentElement?.classList.contains('katex-display') === true
    const marks = display ? '$$' : '$'
    ;(display ? (formula.parentElement ?? formula) : formula).replaceWith(`${marks}${tex}${marks}`)
  }
  for (const chrome of content.querySelectorAll('button, .copy, figcaption')) chrome.remove()
  const holder = document.createElement('div')
  // Laid out, because only then blocks and lines become line ends in the text.
  holder.className = 'copied'
  holder.append(content)
  document.body.append(holder)
  const text = holder.innerText
  const html = new XMLSerializer().serializeToString(holder)
  holder.remove()
  return { text, html, formulas: drawn.length }
}

/** The selected text with formulas as TeX. */
export const selectedText = (): string => read()?.text ?? ''

function copy(event: ClipboardEvent): void {
  const selected = event.clipboardData ? read() : null
  if (!selected || selected.formulas === 0) return
  event.clipboardData?.setData('text/plain', selected.text)
  event.clipboardData?.setData('text/html', selected.html)
  event.preventDefault()
}

document.addEventListener('copy', copy)
