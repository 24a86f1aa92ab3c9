const kept = ['href', 'start', 'value', 'dir', 'data-align', 'data-depth', 'colspan', 'rowspan', 'checked', 'open', 'scope']
const inlineNames = new Set(
  'A ABBR B BR CITE CODE DEL DFN EM I INS KBD MARK Q RT RUBY S SAMP SMALL SPAN STRONG SUB SUP U VAR BUTTON INPUT #TEXT'.split(' '),
)

/** The drawn nodes as readable HTML: what a reader gets, without the page's buttons, roles and generated class names. */
export function shapeOf(root: Element): string {
  return [...root.childNodes].map((node) => shape(node, '')).join('').replace(/\n{2,}/g, '\n').replaceAll(line, '\n')
}

/** A line end of code, until all is put together. */
const line = '\u0001'

function shape(node: Node, indent: string): string {
  if (node.nodeType === 3) return escape(node.textContent ?? '')
  if (node.nodeType !== 1) return ''
  const element = node as HTMLElement
  const name = element.tagName.toLowerCase()
  const { classList } = element
  if (classList.contains('copy') || classList.contains('fold')) return ''
  if (name === 'figure') {
    const head = element.querySelector('.language')?.textContent ?? ''
    return `${indent}<pre head="${head}">${escape(element.querySelector('code')?.textContent ?? '').replaceAll('\n', line)}</pre>\n`
  }
  if (classList.contains('math-display') || classList.contains('math')) {
    const display = classList.contains('math-display')
    const drawn = `<math${display ? ' display' : ''}>${escape(element.textContent ?? '')}</math>`
    return name === 'div' ? `${indent}${drawn}\n` : drawn
  }
  if (classList.contains('table') || classList.contains('scroll')) return children(element, indent)
  if (name === 'span' && !['tie', 'link', 'line', 'alt'].some((one) => classList.contains(one))) return children(element, indent)
  if (classList.contains('tie')) return children(element, indent)
  const attributes = kept
    .filter((one) => element.hasAttribute(one) && element.getAttribute(one) !== 'auto' && !(name === 'th' && one === 'scope'))
    .map((one) => ` ${one}="${element.getAttribute(one)}"`)
  const classes = [...classList].filter((one) => !/^(s-|svelte-)/.test(one)).join(' ')
  if (name === 'input' && (element as HTMLInputElement).checked) attributes.push(' checked')
  const opening = `<${name}${classes ? ` class="${classes}"` : ''}${attributes.join('')}>`
  if (name === 'br' || name === 'hr' || name === 'input') return isInline(element) ? opening : `${indent}${opening}\n`
  if (isInline(element)) return `${opening}${children(element, '')}</${name}>`
  const inner = [...element.childNodes].filter((one) => one.nodeType === 1 || (one.nodeType === 3 && one.textContent?.trim() !== ''))
  if (inner.every((one) => isInline(one))) {
    return `${indent}${opening}${[...element.childNodes].map((one) => shape(one, '')).join('').trim()}</${name}>\n`
  }
  return `${indent}${opening}\n${children(element, `${indent}  `)}${indent}</${name}>\n`
}

function children(element: Element, indent: string): string {
  const parts: string[] = []
  for (const node of element.childNodes) {
    if (node.nodeType === 3 && node.textContent?.trim() === '' && !isInline(element)) continue
    const part = shape(node, indent)
    if (part === '') continue
    if (isInline(node) && indent !== '' && (parts.length === 0 || parts.at(-1)?.endsWith('\n'))) parts.push(indent)
    else if (!isInline(node) && parts.length > 0 && !parts.at(-1)?.endsWith('\n')) parts.push('\n')
    parts.push(part)
  }
  if (indent !== '' && parts.length > 0 && !parts.at(-1)?.endsWith('\n')) parts.push('\n')
  return parts.join('')
}

const isInline = (node: Node): boolean =>
  inlineNames.has(node.nodeName.toUpperCase()) && !(node as Element).classList?.contains('line')

const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
