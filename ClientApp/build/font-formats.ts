import type { Plugin } from 'vite'

/** Keeps only WOFF2 of KaTeX's three font formats; every browser that runs this page reads it. */
export function fontFormats(): Plugin {
  return {
    name: 'font-formats',
    enforce: 'pre',
    transform(code, id) {
      if (!/katex(\.min)?\.css/.test(id)) return null
      return { code: code.replace(/,\s*url\([^)]+\.(?:woff|ttf)\)\s*format\(["'][a-z]+["']\)/g, ''), map: null }
    },
  }
}
