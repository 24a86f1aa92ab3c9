import { began } from './began'
import mermaid from 'mermaid'
import { configFor } from './config'
import './harmless'
import './older'
import type { Busy, DrawRequest, Drawn, NotDrawn } from './protocol'

// Runs in a frame without an origin, which has no access to the page, its storage or the network.

addEventListener('message', (event: MessageEvent<DrawRequest | undefined>) => {
  const request = event.data
  if (event.source !== parent || typeof request?.draw !== 'number') return
  void draw(request).then(
    (svg) => say({ drawn: request.draw, svg }),
    (error: unknown) => say({ failed: request.draw, detail: error instanceof Error ? error.message : '' }),
  )
})

const say = (message: Busy | Drawn | NotDrawn | 'ready') => parent.postMessage(message, '*')

async function draw({ draw: number, source, palette }: DrawRequest): Promise<string> {
  mermaid.initialize(configFor(palette))
  const { svg } = await mermaid.render(`d${number}`, source)
  return asImage(svg)
}

/** The drawing as a standalone SVG file: well-formed XML with the size of its content. */
function asImage(html: string): string {
  const svg = new DOMParser().parseFromString(html, 'text/html').querySelector('svg')
  if (!svg) return ''
  const [, , width = 0, height = 0] = (svg.getAttribute('viewBox') ?? '').split(/[\s,]+/).map(Number)
  if (width > 0 && height > 0) {
    svg.setAttribute('width', String(Math.ceil(width)))
    svg.setAttribute('height', String(Math.ceil(height)))
  }
  svg.style.removeProperty('max-width')
  return new XMLSerializer().serializeToString(svg)
}

// Long enough for the page to notice whether it could go on meanwhile.
while (Date.now() - began < 40);
say({ busy: [began, Date.now()] })
say('ready')
