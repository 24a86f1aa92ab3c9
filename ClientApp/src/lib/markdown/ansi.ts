// Terminal output with its colours. Only what selects a colour or a weight is drawn; every other escape sequence is left out.

const sequence = /(?:\u001b|\u009b|\u241b)\[?([\d;:]*)([A-Za-z])|\u001b[()][A-Z0-9]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g
const names = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']

interface Style {
  colour: string
  ground: string
  marks: Set<string>
}

const plain = (): Style => ({ colour: '', ground: '', marks: new Set() })
const marks: Record<number, string> = { 1: 'bold', 2: 'dim', 3: 'italic', 4: 'underline', 7: 'inverse', 9: 'strike' }

/** The nodes of a terminal's output. */
export function drawAnsi(code: string): DocumentFragment {
  const root = document.createDocumentFragment()
  let style = plain()
  let last = 0
  for (const match of code.matchAll(sequence)) {
    append(root, code.slice(last, match.index), style)
    last = match.index + match[0].length
    if (match[2] === 'm') style = applied(style, (match[1] ?? '').split(/[;:]/).map(Number))
  }
  append(root, code.slice(last), style)
  return root
}

function append(root: Node, text: string, { colour, ground, marks: set }: Style): void {
  if (text === '') return
  const classes = [colour && `ansi-${colour}`, ground && `ansi-on-${ground}`, ...[...set].map((mark) => `ansi-${mark}`)].filter(Boolean)
  if (classes.length === 0) {
    root.appendChild(document.createTextNode(text))
    return
  }
  const span = document.createElement('span')
  span.className = classes.join(' ')
  span.textContent = text
  root.appendChild(span)
}

function applied(before: Style, codes: number[]): Style {
  let style: Style = { ...before, marks: new Set(before.marks) }
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0
    const mark = marks[code]
    if (code === 0) style = plain()
    else if (mark) style.marks.add(mark)
    else if (code === 22) ['bold', 'dim'].forEach((one) => style.marks.delete(one))
    else if (code > 22 && code < 30) style.marks.delete(marks[code - 20] ?? '')
    else if (code === 39) style.colour = ''
    else if (code === 49) style.ground = ''
    else if (code === 38 || code === 48) {
      const extended = codes[at + 1] === 5 ? indexed(codes[at + 2] ?? 0) : nearest(codes.slice(at + 2, at + 5))
      at += codes[at + 1] === 5 ? 2 : 4
      if (code === 38) style.colour = extended
      else style.ground = extended
    } else if ((code >= 30 && code < 38) || (code >= 90 && code < 98)) style.colour = names[code % 10] ?? ''
    else if ((code >= 40 && code < 48) || (code >= 100 && code < 108)) style.ground = names[code % 10] ?? ''
  }
  return style
}

/** Of 256 colours, the one of eight that comes next: the page's own are readable in both themes. */
function indexed(index: number): string {
  if (index < 16) return names[index % 8] ?? ''
  if (index >= 232) return index < 244 ? 'black' : 'white'
  const cube = index - 16
  return nearest([Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51])
}

function nearest([red = 0, green = 0, blue = 0]: number[]): string {
  const peak = Math.max(red, green, blue)
  const on = (part: number) => (peak > 60 && part > peak * 0.6 ? 1 : 0)
  return names[on(red) + 2 * on(green) + 4 * on(blue)] ?? ''
}
