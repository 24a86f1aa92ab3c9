import katex from 'katex'
import 'katex/dist/katex.min.css'
import './copy-formulas'
import { Kept } from './kept'

const kept = new Kept(120)

export function render(node: HTMLElement, tex: string, display: boolean): void {
  const key = `${display ? 'display' : 'inline'} ${tex}`
  const copy = kept.copy(key)
  if (copy) {
    node.replaceChildren(...copy.childNodes)
    return
  }
  try {
    // Builds nodes and sets styles through CSSOM, without an HTML string, as the CSP requires.
    katex.render(tex, node, { displayMode: display, throwOnError: true, strict: 'ignore', trust: false, maxSize: 40, maxExpand: 500 })
    kept.keep(key, node)
  } catch {
    node.textContent = tex
    node.classList.add('math-raw')
  }
}
