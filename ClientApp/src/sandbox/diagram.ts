import { began } from './began'
import mermaid from 'mermaid'
import { configFor } from './config'
import './harmless'
import './older'
import type { Busy, BusyRequest, DrawRequest, Drawn, NotDrawn } from './protocol'

// Runs in a frame without an origin, which has no access to the page, its storage or the network.

addEventListener('message', (event: MessageEvent<Partial<BusyRequest & DrawRequest> | undefined>) => {
  if (event.source !== parent) return
  const { beBusy, draw: number, source = '', palette } = event.data ?? {}
  if (typeof beBusy === 'number') beBusyFrom(Date.now(), Math.min(beBusy, 100))
  if (typeof number !== 'number' || !palette) return
  void draw({ draw: number, source, palette }).then(
    (svg) => say({ drawn: number, svg }),
    (error: unknown) => say({ failed: number, detail: error instanceof Error ? error.message : '' }),
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

/** Long enough for the page to notice whether it could go on meanwhile. */
function beBusyFrom(from: number, ms: number): void {
  while (Date.now() - from < ms);
  say({ busy: [from, Date.now()] })
  say('ready')
}
beBusyFrom(began, 40)
