import katex from 'katex'
import 'katex/dist/katex.min.css'
import './copy-formulas'

export function render(node: HTMLElement, tex: string, display: boolean): void {
  try {
    // Builds nodes and sets styles through CSSOM, without an HTML string, as the CSP requires.
    katex.render(tex, node, { displayMode: display, throwOnError: true, strict: 'ignore', trust: false, maxSize: 40, maxExpand: 500 })
  } catch {
    node.textContent = tex
    node.classList.add('math-raw')
  }
}
