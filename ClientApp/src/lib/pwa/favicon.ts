import { url } from '../browser/address'

const own = new Map<HTMLLinkElement, { href: string; type: string }>()

/** Shows the installation's logo on the browser's tab and the home screen; without one restores the product's sign. */
export function showLogo(logo: string | null | undefined): void {
  for (const link of document.querySelectorAll<HTMLLinkElement>('link[rel$=icon]')) {
    const first = own.get(link) ?? { href: link.href, type: link.type }
    own.set(link, first)
    const [type, href] = logo ? ['', url(logo)] : [first.type, first.href]
    // Set anew even to the same value, Firefox asks for the picture again.
    if (link.type !== type) link.type = type
    if (link.href !== href) link.href = href
  }
}
