/**
 * Whether the clipboard holds text, though it holds a picture as well: spreadsheets and word processors put a picture of what was copied
 * beside it. A copied image has no text, a copied file no HTML.
 */
export function isText(data: DataTransfer | null): boolean {
  if (!data || data.getData('text/plain').trim() === '') return false
  const html = data.getData('text/html')
  return html !== '' && html.replace(/<(?:meta|!--|\/?(?:html|body|head))[^>]*>/gi, '').trim().search(/^<img\b[^>]*>$/i) < 0
}

/** Cells between tabs as a Markdown table; null when the text is none. */
export function asTable(text: string): string | null {
  const lines = text.replace(/\r\n?/g, '\n').replace(/\n+$/, '').split('\n')
  const rows = lines.map((line) => line.split('\t').map((cell) => cell.trim().replaceAll('|', '\\|')))
  const columns = rows[0]?.length ?? 0
  if (columns < 2 || rows.length < 2 || rows.some((row) => row.length !== columns)) return null
  // Indented code has its tabs in front.
  if (lines.every((line) => line.startsWith('\t'))) return null
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  const [head = [], ...rest] = rows
  return [line(head), line(head.map(() => '---')), ...rest.map(line)].join('\n')
}
