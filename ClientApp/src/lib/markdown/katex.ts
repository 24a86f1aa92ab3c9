import { inTurn } from '../browser/tasks'
import { whenNear } from './near'

type Katex = typeof import('./katex-lazy')

let katex: Katex | null = null
let chemistry = false
let loading: Promise<Katex> | null = null
let loadingChemistry: Promise<unknown> | null = null

// `\ce` and `\pu` are an extension that most never need.
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
 * Draws a formula; its source shows until it is near what is seen and KaTeX has come, and when KaTeX does not understand it.
 * With KaTeX there it is drawn at once, because text that grows is drawn again and again and must not flicker.
 */
export function drawMath(node: HTMLElement, tex: string, display: boolean): void {
  if (katex && (chemistry || !isChemistry(tex))) {
    katex.render(node, tex, display)
    return
  }
  node.textContent = tex
  whenNear(node, () => {
    load(tex).then(({ render }) => inTurn(() => render(node, tex, display))).catch(() => {
      // Not to be had now: the next formula asks again.
      loading = loadingChemistry = null
    })
  })
}
