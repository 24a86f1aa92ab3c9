import type { Tokens } from 'marked'

export interface MathToken extends Tokens.Generic {
  type: 'math' | 'mathBlock'
  tex: string
  display: boolean
}

export interface Formula {
  end: number
  tex: string
  display: boolean
}

const environments =
  'equation|align|alignat|gather|multline|cases|dcases|rcases|drcases|pmatrix|bmatrix|Bmatrix|vmatrix|Vmatrix|matrix|smallmatrix|' +
  'array|aligned|alignedat|gathered|split|CD'
const environment = new RegExp(`\\\\begin\\{((?:${environments})\\*?)\\}[\\s\\S]+?\\\\end\\{\\1\\}`, 'y')
const beginsEnvironment = new RegExp(`\\\\begin\\{(?:${environments})\\*?\\}`, 'y')
// The sentence goes on in the next line, however far that is indented: it is no code.
const goesOn = /[ \t]*\n[ \t]*(?=\S)/y
const displayBlock = /^ {0,3}(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n[ \t]*(?=\S)|\n|$)/
const displayInline = /\$\$((?:\\[\s\S]|[^$\n\\])+?)\$\$|\\\[([^\n]+?)\\\](?!\()/y
// The opening dollar is not followed by a space; the closing one is neither preceded by a space nor followed by a digit. So `$5 and $10`,
// `US$5` and shell variables stay text.
const dollars = /\$(?![\s$])((?:\\[\s\S]|[^\\$\n])*?(?:\\[^\s]|[^\\\s$]))\$(?![\d$])/y
// mhchem's commands for chemistry and units, which models also write without dollars.
const chemistry = /\\(?:ce|pu)\{(?:[^{}\n]|\{[^{}\n]*\})+\}/y
const parens = /\\\(([\s\S]+?)\\\)/y

const exec = (pattern: RegExp, text: string, at: number) => {
  pattern.lastIndex = at
  return pattern.exec(text)
}

/** The formula that begins at this place, in any notation that models use. */
export function formulaAt(text: string, at: number): Formula | null {
  const found = (match: RegExpExecArray, tex: string | undefined, display: boolean): Formula => ({
    end: at + match[0].length,
    tex: (tex ?? match[0]).trim(),
    display,
  })
  const display = exec(displayInline, text, at)
  if (display) return found(display, display[1] ?? display[2], true)
  if (text[at] === '$') {
    if (at > 0 && /[\w$\\]/.test(text[at - 1] ?? '')) return null
    const match = exec(dollars, text, at)
    return match?.[1] && isFormula(match[1], text[at + match[0].length] ?? '') ? found(match, match[1], false) : null
  }
  const env = exec(environment, text, at)
  if (env) return found(env, undefined, true)
  const formula = exec(chemistry, text, at)
  if (formula) return found(formula, undefined, false)
  const inline = exec(parens, text, at)
  return inline ? found(inline, inline[1], false) : null
}

const signs = /[\\^_={}+<>]/

/** Whether the text between two dollar signs is a formula and not what stands between two prices, rates or variables. */
function isFormula(content: string, after: string): boolean {
  // `$5 for the first, 3`, `$5和10`: a number with words behind it is money.
  if (/^\d[\d.,]*[kKmM万亿]?\s*(?:[(（]|[a-z]{2,}|[\u3000-\u9fff\uff00-\uffef])/.test(content) && !signs.test(content)) return false
  // `→€) and back (€→`, `/PR) and per hour (`: a bracket that closes before it opens belongs to the sentence.
  if (!balanced(content) || /[€¥£₩₹]/.test(content)) return false
  // `$1** is the first, **$`: what stands in bold beside it.
  if (content.includes('**')) return false
  // `speed and distance`: words without any sign.
  if (/[A-Za-z]{3,}\s+[A-Za-z]{2,}/.test(content) && !signs.test(content)) return false
  // `$n$th` is a formula with an ending; `$HOME/$USER` and `$foo$bar` are variables.
  return !/[A-Za-z_]/.test(after) || signs.test(content) || content.length <= 2
}

function balanced(content: string): boolean {
  let brackets = 0
  let braces = 0
  for (let at = 0; at < content.length; at++) {
    const char = content[at] ?? ''
    if (char === '\\') at++
    else if ('([（'.includes(char)) brackets++
    else if (')]）'.includes(char) && --brackets < 0) return false
    else if (char === '{') braces++
    else if (char === '}' && --braces < 0) return false
  }
  return braces === 0 && brackets === 0
}

/** A formula on lines of its own. */
export function displayMath(src: string): { raw: string; tex: string; display: true } | undefined {
  const fenced = displayBlock.exec(src)
  if (fenced) return { raw: fenced[0], tex: (fenced[1] ?? fenced[2] ?? '').trim(), display: true }
  const env = exec(environment, src, 0)
  return env ? { raw: env[0] + (exec(goesOn, src, env[0].length)?.[0] ?? ''), tex: env[0], display: true } : undefined
}

export const opensDisplayMath = (src: string) => /^ {0,3}(?:\$\$|\\\[)/.test(src) || exec(beginsEnvironment, src, 0) !== null

/** Whether text that grows at its end is inside a formula that began at its first character. It gives up when it reads as prose. */
export function mayBecomeFormula(text: string): boolean {
  if (text.startsWith('\\(') || text.startsWith('\\[')) return text.length < 600
  if (/^\\(?:ce|pu)\{/.test(text)) return text.length < 200 && !text.includes('\n')
  if (text.startsWith('\\begin{')) return exec(beginsEnvironment, text, 0) !== null || !text.includes('}')
  if (text.startsWith('$$')) return text.length < 600 && !text.includes('\n')
  if (!text.startsWith('$') || /^\$\s/.test(text) || text.includes('\n') || text.length > 240) return false
  const content = text.slice(1).replace(/\\[^A-Za-z]/g, '')
  // A number with a blank behind it, two words, Chinese: prose.
  if (/[$€¥£₩₹]/.test(content) || closesTooEarly(content)) return false
  return signs.test(content) || !/\d\s|[A-Za-z]{3,}\s|[\u3000-\u303f\uff00-\uffef]|^[\d.,]+[\u3040-\u9fff]/.test(content)
}

function closesTooEarly(content: string): boolean {
  let depth = 0
  for (const char of content.replace(/\\./g, '')) {
    if ('([（{'.includes(char)) depth++
    else if (')]）}'.includes(char) && --depth < 0) return true
  }
  return false
}
