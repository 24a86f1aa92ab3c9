type Katex = typeof import('./katex-lazy')

let loaded: Katex | null = null
let loading: Promise<Katex> | null = null

/** Draws a formula; its source shows until KaTeX has come, and when KaTeX does not understand it. */
export function drawMath(node: HTMLElement, tex: string, display: boolean): void {
  if (loaded) {
    loaded.render(node, tex, display)
    return
  }
  node.textContent = tex
  loading ??= import('./katex-lazy')
  loading.then((katex) => {
    loaded = katex
    katex.render(node, tex, display)
  }).catch(() => {
    loading = null
  })
}
