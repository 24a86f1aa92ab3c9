import type { TokenizerAndRendererExtension, Tokens } from 'marked'

export interface MathToken extends Tokens.Generic {
  type: 'math' | 'mathBlock'
  tex: string
  display: boolean
}

const environments =
  'equation|align|alignat|gather|multline|cases|dcases|rcases|drcases|pmatrix|bmatrix|Bmatrix|vmatrix|Vmatrix|matrix|smallmatrix|' +
  'array|aligned|alignedat|gathered|split|CD'
const environment = new RegExp(`^\\\\begin\\{((?:${environments})\\*?)\\}[\\s\\S]+?\\\\end\\{\\1\\}`)
const displayBlock = /^ {0,3}(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n|$)/
const displayInline = /^(?:\$\$([^$\n]+?)\$\$|\\\[([^\n]+?)\\\])/
// The opening dollar is not followed by a space; the closing one is neither preceded by a space nor followed by a digit. So `$5 and $10`,
// `US$5` and shell variables stay text.
const dollars = /^\$(?![\s$])((?:\\[\s\S]|[^\\$\n])*?[^\\\s$])\$(?![\d$\w])/
const single = /^\$([^\s\\$])\$(?![\d$\w])/
// mhchem's commands for chemistry and units, which models also write without dollars.
const chemistry = /^\\(?:ce|pu)\{(?:[^{}\n]|\{[^{}\n]*\})+\}/
const parens = /^\\\(([\s\S]+?)\\\)/

function find(src: string, pattern: RegExp): number | undefined {
  const index = src.search(pattern)
  return index < 0 ? undefined : index
}

export const mathBlock: TokenizerAndRendererExtension = {
  name: 'mathBlock',
  level: 'block',
  start: (src) => find(src, /(?:^|\n) {0,3}(?:\$\$|\\\[|\\begin\{)/),
  tokenizer(src): MathToken | undefined {
    const fenced = displayBlock.exec(src)
    if (fenced) return { type: 'mathBlock', raw: fenced[0], tex: (fenced[1] ?? fenced[2] ?? '').trim(), display: true }
    const env = environment.exec(src)
    return env ? { type: 'mathBlock', raw: env[0], tex: env[0], display: true } : undefined
  },
}

export const mathInline: TokenizerAndRendererExtension = {
  name: 'math',
  level: 'inline',
  start: (src) => find(src, /(?<![\w$\\])\$(?!\s)|\\[([]|\\begin\{|\\(?:ce|pu)\{/),
  tokenizer(src): MathToken | undefined {
    const display = displayInline.exec(src)
    if (display) return { type: 'math', raw: display[0], tex: (display[1] ?? display[2] ?? '').trim(), display: true }
    const env = environment.exec(src)
    if (env) return { type: 'math', raw: env[0], tex: env[0], display: true }
    const formula = chemistry.exec(src)
    if (formula) return { type: 'math', raw: formula[0], tex: formula[0], display: false }
    const inline = parens.exec(src) ?? dollars.exec(src) ?? single.exec(src)
    if (!inline?.[1] || isPrice(inline[1])) return undefined
    return { type: 'math', raw: inline[0], tex: inline[1].trim(), display: false }
  },
}

/** `$5 for the first, 3` between two dollar signs reads as money, not as a formula. */
function isPrice(content: string): boolean {
  return /^\d[\d.,]*\s+[a-z]{2,}/i.test(content) && !/[\\^_={}]/.test(content)
}
