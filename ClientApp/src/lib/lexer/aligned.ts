/** A marker and so many blanks that what follows would be code to GFM. */
const aligned = /^( {0,3}(?:[-*+]|\d{1,9}[.)]))( {5,})(?=\S)/
const fence = /^\s*(?:```|~~~)/

/**
 * The same lines with the words of list items one blank behind their markers: models align them in columns, and mean no code. What stands
 * below an item moves with it.
 */
export function closeToMarkers(src: string): string {
  if (!/^ {0,3}(?:[-*+]|\d{1,9}[.)]) {5,}\S/m.test(src)) return src
  let column = 0 // where the words of the present item stand
  let extra = 0
  let inFence = false
  return src.split('\n').map((line) => {
    const [, marker, blanks] = inFence ? [] : (aligned.exec(line) ?? [])
    if (marker !== undefined && blanks !== undefined) {
      column = marker.length + blanks.length
      extra = blanks.length - 1
      return `${marker} ${line.slice(column)}`
    }
    const indent = line.search(/\S/)
    if (indent < 0) return line
    if (indent < column) column = extra = 0
    if (fence.test(line)) inFence = !inFence
    return line.slice(extra)
  }).join('\n')
}
