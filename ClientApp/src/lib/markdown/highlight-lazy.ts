import hljs from 'highlight.js/lib/common'

interface Scope {
  scope?: string
  children: (Scope | string)[]
}

/** Coloured nodes, or null for a language we do not know. Reads the token tree: no HTML string is made. */
export function highlight(code: string, language: string): DocumentFragment | null {
  if (!hljs.getLanguage(language)) return null
  const result = hljs.highlight(code, { language, ignoreIllegals: true })
  const fragment = document.createDocumentFragment()
  append(fragment, (result._emitter as unknown as { root: Scope }).root)
  return fragment
}

function append(parent: Node, scope: Scope): void {
  for (const child of scope.children) {
    if (typeof child === 'string') {
      parent.appendChild(document.createTextNode(child))
      continue
    }
    const span = document.createElement('span')
    const [first, second] = (child.scope ?? '').split('.')
    if (first) span.className = second ? `hl-${first} hl-${first}-${second}` : `hl-${first}`
    append(span, child)
    parent.appendChild(span)
  }
}
