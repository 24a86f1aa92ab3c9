import type { Cite } from './cite'

/** The texts of a remote image, which is loaded on click. */
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
