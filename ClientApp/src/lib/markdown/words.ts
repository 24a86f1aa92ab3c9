import type { Cite } from './cite'

/** The texts of a picture that is loaded by a click. */
export interface ImageWords {
  image: string
  loadImage: (host: string) => string
  imageLoading: (host: string) => string
  imageShown: (host: string) => string
  imageFailed: (host: string) => string
  imageOpen: string
}

export interface InlineWords extends ImageWords {
  cite: Cite
}
