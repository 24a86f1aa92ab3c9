import type { Palette } from '../../../sandbox/protocol'

let pixel: CanvasRenderingContext2D | null = null

/** The current colours of the page as `#rrggbb`, which every library reads. */
export function palette(dark: boolean): Palette {
  const style = getComputedStyle(document.documentElement)
  const token = (name: string) => hex(style.getPropertyValue(name))
  return {
    dark,
    page: token('--page'),
    raised: token('--raised'),
    sunken: token('--sunken'),
    line: token('--line-strong'),
    ink: token('--ink'),
    muted: token('--muted'),
    accent: token('--accent'),
    accentSoft: token('--accent-soft'),
    danger: token('--danger'),
    font: style.getPropertyValue('--sans').trim(),
  }
}

function hex(colour: string): string {
  pixel ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  if (!pixel) return '#808080'
  pixel.fillStyle = colour
  pixel.fillRect(0, 0, 1, 1)
  const [red = 0, green = 0, blue = 0] = pixel.getImageData(0, 0, 1, 1).data
  return `#${[red, green, blue].map((part) => part.toString(16).padStart(2, '0')).join('')}`
}
