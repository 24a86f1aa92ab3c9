// The messages between the page and its sandboxed frames. A frame has no origin, so each side identifies the other by the window a message
// came from. Messages of a frame are validated like any other input.

/** Colours as `#rrggbb`: the drawing library reads no newer notation. */
export interface Palette {
  dark: boolean
  page: string
  raised: string
  sunken: string
  line: string
  ink: string
  muted: string
  accent: string
  accentSoft: string
  danger: string
  /** Four hues for what stands side by side, and the same as grounds for text. */
  hues: string[]
  grounds: string[]
  font: string
}

/** What the frame says before `ready`: it ran without a pause from one time to another, by `Date.now()`. */
export interface Busy {
  busy: [from: number, to: number]
}

/** Asks for both once more: be busy for so many milliseconds. */
export interface BusyRequest {
  beBusy: number
}

export interface DrawRequest {
  draw: number
  source: string
  palette: Palette
}

export interface Drawn {
  drawn: number
  svg: string
}

export interface NotDrawn {
  failed: number
  detail: string
}

export interface ShowRequest {
  show: string
  alt: string
}

export interface Shown {
  width: number
  height: number
}

/** The detail of a drawing that was refused because it would load something. */
export const elsewhere = 'It would load an image from elsewhere.'

export const limits = { chars: 50_000, edges: 2_000 }
