import type { Token, Tokens } from 'marked'
import { alertOf } from '../lexer/alert'
import { BlockStream, type NotesToken } from '../lexer/blocks'
import type { DetailsToken } from '../lexer/tokens'
import { infoOf } from '../lexer/fence'
import { inlineTag } from '../lexer/html'
import type { MathToken } from '../lexer/math'
import type { HtmlCell } from '../lexer/table'
import { decodeEntities, safeUrl } from './inline'

// An answer and its tables in the forms that other programs take. Written from the tokens, not read off the page, where long tables are
// folded and formulas are drawn.

const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** Rich text of an answer. Its source passes the same whitelist as the page, so only plain tags come out. */
export function asHtml(markdown: string): string {
  return blocks(new BlockStream().update(markdown, true))
}

const blocks = (tokens: readonly Token[]): string => tokens.map(block).join('')

function block(token: Token): string {
  switch (token.type) {
    case 'paragraph':
      return `<p>${inline(token.tokens)}</p>`
    case 'text':
      return token.tokens ? inline(token.tokens) : escape(decodeEntities(token.raw))
    case 'heading': {
      const { depth } = token as Tokens.Heading
      return `<h${depth}>${inline(token.tokens)}</h${depth}>`
    }
    case 'code': {
      const { text, lang } = token as Tokens.Code
      const { file } = infoOf(lang ?? '')
      return `${file ? `<p>${escape(file)}</p>` : ''}<pre><code>${escape(text)}</code></pre>`
    }
    case 'blockquote': {
      const alert = alertOf(token)
      return `<blockquote>${alert ? `<p><b>${escape(alert.title || alert.kind)}</b></p>` : ''}${blocks(token.tokens ?? [])}</blockquote>`
    }
    case 'details':
      return `<p><b>${inline((token as DetailsToken).summary)}</b></p>${blocks((token as DetailsToken).tokens)}`
    case 'list': {
      const { ordered, start, items } = token as Tokens.List
      const box = (item: Tokens.ListItem) => (item.task ? (item.checked ? '☑ ' : '☐ ') : '')
      const all = items.map((item) => `<li>${box(item)}${blocks(item.tokens)}</li>`).join('')
      return ordered ? `<ol start="${Number(start)}">${all}</ol>` : `<ul>${all}</ul>`
    }
    case 'table':
      return tableAsHtml(token as Tokens.Table)
    case 'hr':
      return '<hr>'
    case 'mathBlock':
      return `<p>$$${escape((token as MathToken).tex)}$$</p>`
    case 'html':
      return token.raw.trim().startsWith('<!--') ? '' : `<pre>${escape(token.raw.trim())}</pre>`
    case 'notes': {
      const items = (token as NotesToken).items.map((item) => `<li value="${item.number}">${blocks(item.tokens)}</li>`)
      return `<hr><ol>${items.join('')}</ol>`
    }
    default:
      return ''
  }
}

const inline = (tokens: readonly Token[] | undefined): string => (tokens ?? []).map(span).join('')

function span(token: Token): string {
  switch (token.type) {
    case 'strong':
    case 'em':
    case 'del':
      return `<${token.type}>${inline(token.tokens)}</${token.type}>`
    case 'codespan':
      return `<code>${escape((token as Tokens.Codespan).text)}</code>`
    case 'br':
      return '<br>'
    case 'link': {
      const target = safeUrl((token as Tokens.Link).href)
      return target ? `<a href="${escape(target.href)}">${inline(token.tokens)}</a>` : inline(token.tokens)
    }
    case 'image': {
      const { href, text } = token as Tokens.Image
      const target = safeUrl(href)
      return target ? `<a href="${escape(target.href)}">${escape(text || target.href)}</a>` : escape(text)
    }
    case 'math': {
      const { tex, display } = token as MathToken
      return display ? `$$${escape(tex)}$$` : `$${escape(tex)}$`
    }
    case 'noteRef':
      return `<sup>${Number((token as Tokens.Generic)['number'])}</sup>`
    case 'html': {
      const tag = inlineTag(token.raw)
      if (tag) return tag.closing ? `</${tag.name}>` : `<${tag.name}>`
      return token.raw.startsWith('<!--') ? '' : escape(token.raw)
    }
    case 'text':
      return token.tokens ? inline(token.tokens) : escape(decodeEntities(String((token as Tokens.Text).text)))
    case 'escape':
      return escape(String((token as Tokens.Escape).text))
    default:
      return ''
  }
}

/** What a reader sees of inline tokens. */
export function plain(tokens: readonly Token[] | undefined): string {
  return (tokens ?? [])
    .map((token) => {
      if (token.type === 'html') return inlineTag(token.raw)?.name === 'br' ? '\n' : inlineTag(token.raw) ? '' : token.raw
      if (token.type === 'br') return '\n'
      if (token.type === 'math') return `$${(token as MathToken).tex}$`
      if (token.type === 'noteRef') return `[${Number((token as Tokens.Generic)['number'])}]`
      if ('tokens' in token && token.tokens && token.type !== 'image') return plain(token.tokens)
      return decodeEntities(String((token as Tokens.Text).text ?? ''))
    })
    .join('')
}

const linesOf = (table: Tokens.Table): HtmlCell[][] => (table.header.length > 0 ? [table.header, ...table.rows] : table.rows)

export function tableAsHtml(table: Tokens.Table): string {
  const row = (cells: HtmlCell[]) => {
    const parts = cells.map(({ header, align, colspan, rowspan, tokens }) => {
      const name = header ? 'th' : 'td'
      const size = (colspan ? ` colspan="${colspan}"` : '') + (rowspan ? ` rowspan="${rowspan}"` : '')
      return `<${name}${align ? ` align="${align}"` : ''}${size}>${inline(tokens)}</${name}>`
    })
    return `<tr>${parts.join('')}</tr>`
  }
  return `<table border="1" cellspacing="0">${linesOf(table).map(row).join('')}</table>`
}

export function tableAsMarkdown(table: Tokens.Table): string {
  const rules = { left: ':---', center: ':---:', right: '---:' }
  const columns = Math.max(...linesOf(table).map((row) => row.length))
  const cells = (row: HtmlCell[]) => Array.from({ length: columns }, (_, at) => (row[at]?.text ?? '').replaceAll('|', '\\|'))
  const line = (parts: string[]) => `| ${parts.join(' | ')} |`
  const rule = Array.from({ length: columns }, (_, at) => (table.align[at] ? rules[table.align[at]] : '---'))
  return [line(cells(table.header)), line(rule), ...table.rows.map((row) => line(cells(row)))].join('\n')
}

export function tableAsCsv(table: Tokens.Table): string {
  const quoted = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  return linesOf(table).map((row) => row.map((cell) => quoted(plain(cell.tokens))).join(',')).join('\r\n')
}

/** Cells between tabs, as a spreadsheet takes them. */
export const tableAsText = (table: Tokens.Table): string =>
  linesOf(table).map((row) => row.map((cell) => plain(cell.tokens).replace(/[\t\n]+/g, ' ')).join('\t')).join('\n')
