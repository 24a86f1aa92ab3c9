import type { ShowRequest, Shown } from '../../sandbox/protocol'
import type { ImageWords } from './words'

// A server may accept the connection and never respond.
const loadMs = 30_000
// A frame that has loaded and is not ready after this time had its script refused or did not get it.
const readyMs = 3_000
const largest = { width: 704, height: 480 }

/**
 * Replaces the chip by the image, in a frame without an origin: the page's policy loads no remote image, and the frame reports only the
 * size.
 */
export function showRemote(chip: HTMLElement, target: URL, alt: string, words: ImageWords): void {
  const host = target.hostname
  const holder = document.createElement('span')
  holder.className = 'remote-shown'
  // Takes over the focus of the removed button.
  holder.tabIndex = -1
  const about = document.createElement('span')
  about.className = 'about'
  about.role = 'status'
  about.textContent = words.imageLoading(host)
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', 'allow-scripts')
  frame.referrerPolicy = 'no-referrer'
  frame.title = alt === '' ? words.imageShown(host) : alt
  frame.width = '0'
  frame.height = '0'
  frame.src = new URL('sandbox/image.html', document.baseURI).href

  const end = () => {
    clearTimeout(timer)
    clearTimeout(late)
    removeEventListener('message', hear)
  }
  const open = () => {
    const link = document.createElement('a')
    link.textContent = words.imageOpen
    link.href = target.href
    link.target = '_blank'
    link.rel = 'noopener noreferrer'
    return link
  }
  const fail = () => {
    end()
    frame.remove()
    about.replaceChildren(words.imageFailed(host), ' ', open())
  }
  const hear = (event: MessageEvent<'ready' | 'failed' | Shown | undefined>) => {
    if (event.source !== frame.contentWindow) return
    const said = event.data
    if (said === 'ready') {
      ready = true
      clearTimeout(late)
      frame.contentWindow?.postMessage({ show: target.href, alt } satisfies ShowRequest, '*')
    }
    else if (said === 'failed') fail()
    else if (isSize(said)) {
      end()
      fit(frame, said)
      about.replaceChildren(words.imageShown(host), ' ', open())
    }
  }
  const timer = setTimeout(fail, loadMs)
  let ready = false
  let late: ReturnType<typeof setTimeout> | undefined
  frame.onload = () => {
    if (!ready) late = setTimeout(fail, readyMs)
  }
  addEventListener('message', hear)
  holder.append(frame, about)
  chip.replaceWith(holder)
  holder.focus({ preventScroll: true })
}

const isSize = (said: unknown): said is Shown =>
  typeof said === 'object' &&
  said !== null &&
  'width' in said &&
  'height' in said &&
  [said.width, said.height].every((side) => Number.isInteger(side) && Number(side) >= 0)

/** Sizes the frame to the image within fixed bounds; a drawing without a size gets a square. */
function fit(frame: HTMLIFrameElement, { width, height }: Shown): void {
  const [wide, high] = width > 0 && height > 0 ? [width, height] : [largest.height, largest.height]
  const scale = Math.min(1, largest.width / wide, largest.height / high)
  frame.width = String(Math.max(1, Math.round(wide * scale)))
  frame.height = String(Math.max(1, Math.round(high * scale)))
  frame.style.aspectRatio = `${wide} / ${high}`
}
