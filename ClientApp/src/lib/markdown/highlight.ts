type Highlighter = typeof import('./highlight-lazy')

let loaded: Highlighter | null = null
let loading: Promise<Highlighter> | null = null

// Beyond this a block is read as a file, not looked at: colours would cost more than they give.
const maxChars = 20_000

function load(then: () => void): void {
  loading ??= import('./highlight-lazy')
  loading.then((highlighter) => {
    loaded = highlighter
    then()
  }).catch(() => {
    loading = null
  })
}

/**
 * Code inside one element. Growing code keeps its coloured beginning and shows the new end plain until the
 * next pass, so it never flickers.
 */
export class CodePainter {
  readonly #node: HTMLElement
  #code = ''
  #language = ''
  #painted = ''
  readonly #tail = document.createTextNode('')
  #timer: ReturnType<typeof setTimeout> | null = null

  constructor(node: HTMLElement) {
    this.#node = node
    this.#node.replaceChildren(this.#tail)
  }

  set(code: string, language: string, live: boolean): void {
    if (code === this.#code && language === this.#language && this.#painted === code) return
    const grows = language === this.#language && code.startsWith(this.#painted)
    this.#code = code
    this.#language = language
    if (grows) this.#tail.data = code.slice(this.#painted.length)
    else this.#plain()
    if (language === '' || code.length > maxChars) return
    if (this.#timer !== null) return
    this.#timer = setTimeout(() => this.#paint(), live && this.#painted !== '' ? 250 : 0)
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #plain(): void {
    this.#painted = ''
    this.#tail.data = this.#code
    this.#node.replaceChildren(this.#tail)
  }

  #paint(): void {
    this.#timer = null
    if (!loaded) {
      load(() => this.#paint())
      return
    }
    const nodes = loaded.highlight(this.#code, this.#language)
    if (!nodes) return
    this.#painted = this.#code
    this.#tail.data = ''
    this.#node.replaceChildren(nodes, this.#tail)
  }
}
