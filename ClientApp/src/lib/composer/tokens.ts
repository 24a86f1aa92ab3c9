/** Tokens of an image at the default detail of most vendors. */
const perImage = 1000

/** The server's estimate: four ASCII characters, or one and a half others, make one token. */
export function estimateTokens(text: string, images = 0): number {
  let ascii = 0
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) < 0x80) ascii++
  return Math.ceil(ascii / 4) + Math.ceil(((text.length - ascii) * 2) / 3) + images * perImage
}
