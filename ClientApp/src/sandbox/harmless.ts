import { elsewhere } from './protocol'

// A diagram may name images: shapes, sprites, icons. The frame's policy would block them. They are refused earlier, so that the reason can
// be shown and the console has only real errors.

function check(value: string): string {
  if (!value.startsWith('data:')) throw new Error(elsewhere)
  return value
}

const source = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, 'src')
Object.defineProperty(HTMLImageElement.prototype, 'src', {
  ...source,
  set(this: HTMLImageElement, value: string) {
    source?.set?.call(this, check(value))
  },
})

const loads = (element: Element, name: string) => element.localName === 'image' && /(^|:)href$/i.test(name)
const { setAttribute, setAttributeNS } = Element.prototype

Element.prototype.setAttribute = function (name, value) {
  if (!/^on/i.test(name)) setAttribute.call(this, name, loads(this, name) ? check(value) : value)
}
Element.prototype.setAttributeNS = function (space: string | null, name: string, value: string) {
  setAttributeNS.call(this, space, name, loads(this, name) ? check(value) : value)
}

// The library also writes text of the diagram into its document as HTML, to measure or decode it. It is parsed in an inert document, and
// only the result without handlers and addresses is inserted.
const markup = Object.getOwnPropertyDescriptor(Element.prototype, 'innerHTML')
// A browser reports a refused handler even in an inert document, so handlers are renamed before parsing.
// The value may be a TrustedHTML from the library's sanitiser.
const tame = (html: unknown) =>
  String(html ?? '').replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/([\s"'/])on(?=[a-z]+\s*=)/gi, '$1data-on'))
const { parseFromString } = DOMParser.prototype

DOMParser.prototype.parseFromString = function (text, type) {
  return parseFromString.call(this, tame(text), type)
}

const { createContextualFragment } = Range.prototype

Range.prototype.createContextualFragment = function (text) {
  return createContextualFragment.call(this, tame(text))
}

const active = 'script, iframe, object, embed, link, meta, base, form, img, image, video, audio, source, track'

Object.defineProperty(Element.prototype, 'innerHTML', {
  ...markup,
  set(this: Element, text: string) {
    const html = tame(text)
    if (this.ownerDocument !== document || this.localName === 'template' || this.localName === 'style') {
      markup?.set?.call(this, html)
      return
    }
    const template = document.createElement('template')
    const drawing = this instanceof SVGElement
    markup?.set?.call(template, drawing ? `<svg>${html}</svg>` : html)
    for (const element of template.content.querySelectorAll(active)) element.remove()
    for (const element of template.content.querySelectorAll('*')) {
      for (const { name } of [...element.attributes]) {
        if (/^on|^(src|srcset|poster|background)$/i.test(name)) element.removeAttribute(name)
      }
    }
    this.replaceChildren(...((drawing ? template.content.firstElementChild : template.content)?.childNodes ?? []))
  },
})
