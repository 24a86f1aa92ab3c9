import { inTurn } from '../browser/tasks'
import { whenNear } from './near'

type Katex = typeof import('./katex-lazy')

let katex: Katex | null = null
let chemistry = false
let loading: Promise<Katex> | null = null
let loadingChemistry: Promise<unknown> | null = null

// `\ce` and `\pu` need an extension that is rarely used.
const isChemistry = (tex: string) => /\\(?:ce|pu)\b/.test(tex)

async function load(tex: string): Promise<Katex> {
  loading ??= import('./katex-lazy')
  katex = await loading
  if (isChemistry(tex)) {
    loadingChemistry ??= import('./chemistry-lazy')
    await loadingChemistry
    chemistry = true
  }
  return katex
}

/**
 * Renders a formula. Its source is shown until it is near the view and KaTeX has loaded, and when KaTeX cannot parse it. Once KaTeX is
 * loaded it renders at once, because growing text renders repeatedly and must not flicker.
 */
export function drawMath(node: HTMLElement, tex: string, display: boolean): void {
  if (katex && (chemistry || !isChemistry(tex))) {
    katex.render(node, tex, display)
    return
  }
  node.textContent = tex
  whenNear(node, () => {
    load(tex).then(({ render }) => inTurn(() => render(node, tex, display))).catch(() => {
      // Loading failed; the next formula tries again.
      loading = loadingChemistry = null
    })
  })
}
