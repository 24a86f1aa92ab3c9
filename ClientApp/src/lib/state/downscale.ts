// Vision models use about two megapixels; more costs time and money only.
const maxSide = 2048
const keepBytes = 1_500_000
const kept = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif'])

export function fit(width: number, height: number, side = maxSide): { width: number; height: number } {
  const scale = Math.min(1, side / Math.max(width, height))
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

/**
 * The image to upload: small ones unchanged, large ones scaled down, upright and without metadata. Throws when the browser cannot
 * read it.
 */
export async function downscale(file: Blob): Promise<Blob> {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' })
  try {
    const size = fit(bitmap.width, bitmap.height)
    // Photographs are always re-encoded: their metadata may contain the place.
    const asIs = kept.has(file.type) && file.type !== 'image/jpeg' && size.width === bitmap.width && size.height === bitmap.height
    if (asIs && (file.size <= keepBytes || file.type === 'image/gif')) return file
    const canvas = document.createElement('canvas')
    Object.assign(canvas, size)
    const context = canvas.getContext('2d')
    if (!context) throw new Error('no canvas')
    if (file.type === 'image/jpeg') return await draw(canvas, context, bitmap, 'image/jpeg', 0.88)
    const webp = await draw(canvas, context, bitmap, 'image/webp', 0.9)
    // Safari cannot encode WebP and returns a PNG, which may be huge.
    return webp.type === 'image/webp' || webp.size <= keepBytes ? webp : await draw(canvas, context, bitmap, 'image/jpeg', 0.9)
  } finally {
    bitmap.close()
  }
}

async function draw(
  canvas: HTMLCanvasElement,
  context: CanvasRenderingContext2D,
  bitmap: ImageBitmap,
  type: string,
  quality: number,
): Promise<Blob> {
  if (type === 'image/jpeg') {
    context.fillStyle = '#fff'
    context.fillRect(0, 0, canvas.width, canvas.height)
  }
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, type, quality))
  if (!blob) throw new Error('the image cannot be drawn')
  return blob
}
