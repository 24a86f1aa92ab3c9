/**
 * Whether a text is a plain drawing: no script, no handler, no HTML inside, nothing loaded from anywhere. It comes from the sandbox and is
 * not trusted; an image could not run a script in it, but a saved file might. Input that is not understood is refused.
 */
export function isPlainSvg(svg: string): boolean {
  if (!/^<svg[\s>]/.test(svg)) return false
  let style = false
  for (let at = 0; at < svg.length;) {
    const open = svg.indexOf('<', at)
    const text = svg.slice(at, open < 0 ? undefined : open)
    if (style && !isPlainCss(text)) return false
    if (open < 0) break
    tag.lastIndex = open
    const [whole, slash, name = '', attributes = ''] = tag.exec(svg) ?? []
    if (whole === undefined || !elements.has(name)) return false
    if (slash === '' && !isPlain(attributes)) return false
    style = name === 'style' && slash === '' && !whole.endsWith('/>')
    at = open + whole.length
  }
  return true
}

const elements = new Set([
  'svg', 'g', 'defs', 'symbol', 'use', 'title', 'desc', 'style', 'a', 'path', 'rect', 'circle', 'ellipse', 'line', 'polyline', 'polygon',
  'text', 'tspan', 'textPath', 'marker', 'clipPath', 'mask', 'pattern', 'linearGradient', 'radialGradient', 'stop', 'image', 'switch',
  'filter', 'feDropShadow', 'feGaussianBlur', 'feOffset', 'feFlood', 'feComposite', 'feMerge', 'feMergeNode', 'feColorMatrix', 'feBlend',
])
const tag = /<(\/?)([A-Za-z]+)((?:\s+[\w:.-]+="[^"<]*")*)\s*\/?>/y
const attribute = /([\w:.-]+)="([^"<]*)"/g

function isPlain(attributes: string): boolean {
  for (const [, name = '', value = ''] of attributes.matchAll(attribute)) {
    if (/^on/i.test(name)) return false
    if (/(^|:)href$/i.test(name) && !/^(#|https?:|mailto:|data:image\/(png|jpeg|gif|webp);)/i.test(value)) return false
    if (name === 'style' && !isPlainCss(value)) return false
    if (/javascript:/i.test(value) || /url\(\s*(?!(&quot;|['"])?#)/i.test(value)) return false
  }
  return true
}

const quoted = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g

/** Styles that load nothing. An escape could hide a forbidden word, so escapes are allowed in quotes only. */
const isPlainCss = (css: string) =>
  !/@import|@font-face|expression\(|url\(\s*(?!(&quot;|['"])?#)/i.test(css) && !css.replace(quoted, '').includes('\\')
