const side = 256

const encode = (canvas: HTMLCanvasElement, type: string, quality?: number) =>
  new Promise<Blob>((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no picture'))), type, quality))

/** Crops the middle square of a picture and scales it to avatar size. Throws when the file is not an image. */
export async function shrink(file: Blob): Promise<Blob> {
  const picture = await createImageBitmap(file, { imageOrientation: 'from-image' })
  const cut = Math.min(picture.width, picture.height)
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = Math.min(side, cut)
  const context = canvas.getContext('2d')
  if (!context) throw new Error('no canvas')
  context.drawImage(picture, (picture.width - cut) / 2, (picture.height - cut) / 2, cut, cut, 0, 0, canvas.width, canvas.height)
  picture.close()
  return encode(canvas, 'image/webp', 0.88)
}

/** Scales a whole logo down. SVG becomes pixels, so that no script in it can run; PNG, because every browser shows it on a tab. */
export async function shrinkLogo(file: Blob): Promise<Blob> {
  const source = URL.createObjectURL(file)
  try {
    const picture = new Image()
    picture.src = source
    await picture.decode()
    // SVG has no pixels and may have no size.
    const drawn = file.type === 'image/svg+xml'
    const width = picture.naturalWidth || side
    const height = picture.naturalHeight || side
    const scale = drawn ? side / Math.max(width, height) : Math.min(1, side / Math.max(width, height))
    const canvas = document.createElement('canvas')
    canvas.width = Math.max(1, Math.round(width * scale))
    canvas.height = Math.max(1, Math.round(height * scale))
    const context = canvas.getContext('2d')
    if (!context) throw new Error('no canvas')
    context.drawImage(picture, 0, 0, canvas.width, canvas.height)
    return await encode(canvas, 'image/png')
  } finally {
    URL.revokeObjectURL(source)
  }
}
