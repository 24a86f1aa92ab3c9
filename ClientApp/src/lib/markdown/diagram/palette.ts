import type { Palette } from '../../../sandbox/protocol'

let pixel: CanvasRenderingContext2D | null = null

/** The current colours of the page as `#rrggbb`, which every library reads. */
export function palette(dark: boolean): Palette {
  const style = getComputedStyle(document.documentElement)
  const token = (name: string) => hex(style.getPropertyValue(name))
  // Those of code, which are readable in both themes: blue, orange, green, violet.
  const hues = ['--hl-title', '--hl-number', '--hl-string', '--hl-keyword'].map(token)
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
    hues,
    grounds: hues.map((hue) => mixed(hue, token('--page'), dark ? 0.34 : 0.24)),
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

function mixed(one: string, other: string, share: number): string {
  const parts = (colour: string) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
  const [left, right] = [parts(one), parts(other)]
  return `#${left.map((part, at) => Math.round(part * share + (right[at] ?? 0) * (1 - share)).toString(16).padStart(2, '0')).join('')}`
}
