/** Copies text, even over plain HTTP, where browsers have no clipboard API. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    area.className = 'visually-hidden'
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}

/** Copies rich text, with plain text beside it for programs that take no other. The HTML may still be on its way. */
export async function copyRich(html: string | Promise<string>, text: string): Promise<boolean> {
  const blob = (type: string, content: string) => new Blob([content], { type })
  try {
    const item = new ClipboardItem({
      // A promise, because Safari accepts a clipboard only within the click itself.
      'text/html': Promise.resolve(html).then((ready) => blob('text/html', ready)),
      'text/plain': blob('text/plain', text),
    })
    await navigator.clipboard.write([item])
    return true
  } catch {
    const ready = await html
    const fill = (event: ClipboardEvent) => {
      event.preventDefault()
      event.clipboardData?.setData('text/html', ready)
      event.clipboardData?.setData('text/plain', text)
    }
    document.addEventListener('copy', fill, { once: true, capture: true })
    const done = document.execCommand('copy')
    document.removeEventListener('copy', fill, { capture: true })
    return done
  }
}
