import { describe, expect, it } from 'vitest'
import { asTable, isText } from '../../src/lib/composer/pasted'
import { BlockStream } from '../../src/lib/lexer/blocks'
import { infoOf } from '../../src/lib/lexer/fence'
import { ownBlocks, ownSpans } from '../../src/lib/lexer/own'
import { withoutEscapes } from '../../src/lib/markdown/highlight'
import { asHtml, tableAsCsv, tableAsHtml, tableAsMarkdown, tableAsText } from '../../src/lib/markdown/rich'
import type { Tokens } from 'marked'

describe("one's own message", () => {
  it('keeps what is written, with code, lists and links drawn', () => {
    expect(ownBlocks('请看 **这个** # 标签\n第二行\n\n```py\nprint(1)\n```\n- 一\n- 二\n1. 甲\n2. 乙\n结束')).toEqual([
      { type: 'text', text: '请看 **这个** # 标签\n第二行' },
      { type: 'code', text: 'print(1)', info: 'py' },
      { type: 'list', ordered: false, start: 1, items: ['一', '二'] },
      { type: 'list', ordered: true, start: 1, items: ['甲', '乙'] },
      { type: 'text', text: '结束' },
    ])
  })

  it('does not take a lone dash, a date or an unfinished fence for one', () => {
    for (const text of ['- 只有一行', '2024. 一月\n天气', '```\nopen', '1.5 倍\n2.5 倍', '-1\n-2', '*强调*\n*再次*']) {
      expect(ownBlocks(text)).toEqual([{ type: 'text', text }])
    }
  })

  it('links addresses where they end', () => {
    expect(ownSpans('看https://example.com/a，和[文档](https://example.com/b)、[不是](javascript:x)')).toEqual([
      { text: '看' },
      { text: 'https://example.com/a', href: 'https://example.com/a' },
      { text: '，和' },
      { text: '文档', href: 'https://example.com/b' },
      { text: '、[不是](javascript:x)' },
    ])
  })
})

describe('what is pasted', () => {
  const clipboard = (plain: string, html: string) => ({ getData: (type: string) => (type === 'text/html' ? html : plain) }) as DataTransfer

  it('is text when a program put a picture beside it', () => {
    expect(isText(clipboard('a\tb', '<table><tr><td>a</td><td>b</td></tr></table>'))).toBe(true)
    expect(isText(clipboard('Word', '<html><body><p>Word</p></body></html>'))).toBe(true)
  })

  it('is a picture when there is no text but its address, and a file when there is no HTML', () => {
    expect(isText(clipboard('https://example.com/x.png', '<meta charset="utf-8"><img src="https://example.com/x.png">'))).toBe(false)
    expect(isText(clipboard('photo.png', ''))).toBe(false)
    expect(isText(clipboard('', '<img src="x">'))).toBe(false)
    expect(isText(null)).toBe(false)
  })

  it('becomes a table when every line has the same cells', () => {
    expect(asTable('Quarter\tSales\nQ1\t1|00\n')).toBe('| Quarter | Sales |\n| --- | --- |\n| Q1 | 1\\|00 |')
    expect(asTable('甲\t乙\r\n\t2\r\n')).toBe('| 甲 | 乙 |\n| --- | --- |\n|  | 2 |')
    for (const text of ['one line', 'a\tb', 'a\tb\nc', '\tif x\n\treturn']) expect(asTable(text)).toBeNull()
  })
})

describe('what is copied', () => {
  const table = (text: string) => new BlockStream().update(text, true)[0] as Tokens.Table

  it('of a table is Markdown, CSV, cells between tabs and rich text', () => {
    const one = table('| 名称 | 值 |\n|:--|--:|\n| **甲** | `a|b` |\n| 乙, "丙" | $x$ |')
    expect(tableAsMarkdown(one)).toBe('| 名称 | 值 |\n| :--- | ---: |\n| **甲** | `a\\|b` |\n| 乙, "丙" | $x$ |')
    expect(tableAsCsv(one)).toBe('名称,值\r\n甲,a|b\r\n"乙, ""丙""",$x$')
    expect(tableAsText(one)).toBe('名称\t值\n甲\ta|b\n乙, "丙"\t$x$')
    expect(tableAsHtml(one)).toContain('<td align="left"><strong>甲</strong></td><td align="right"><code>a|b</code></td>')
    expect(table(tableAsMarkdown(one)).rows).toEqual(one.rows)
  })

  it('of an answer is rich text without anything that runs', () => {
    const bad = '<b onclick="x()">b</b> <script>alert(1)</script> [坏](javascript:alert(1))'
    const html = asHtml(`# 标题\n\n**“粗”**的 ${bad} [好](https://example.com)\n\n- [x] 完成\n\n$a<b$`)
    expect(html).toContain('<h1>标题</h1><p><strong>“粗”</strong>的 <b>b</b> &lt;script&gt;alert(1)&lt;/script&gt; 坏 ')
    expect(html).toContain('<a href="https://example.com/">好</a></p>')
    expect(html).toContain('<li>☑ 完成</li>')
    expect(html).toContain('$a&lt;b$')
    expect(html).not.toMatch(/<script|onclick|javascript:/)
  })
})

describe('the info line of a fence', () => {
  it.each([
    ['python', 'python', ''],
    ['', '', ''],
    ['python title="src/a b.py"', 'python', 'src/a b.py'],
    ['js {1,3} filename=x.js', 'js', 'x.js'],
    ['ts:src/app.ts', 'ts', 'src/app.ts'],
    ['src/main.rs', 'rs', 'src/main.rs'],
    ['app.config.json', 'json', 'app.config.json'],
    ['python app/main.py', 'python', 'app/main.py'],
    ['Dockerfile', 'Dockerfile', ''],
    ['c++', 'c++', ''],
    ['{.python #id}', 'python', ''],
    ['title="x.sh"', 'sh', 'x.sh'],
  ])('%s', (info, language, file) => {
    expect(infoOf(info)).toEqual({ language, file })
  })
})

it('leaves the escape sequences of a terminal out of what is read and copied', () => {
  expect(withoutEscapes('\u001b[1;31merror\u001b[0m \u001b]8;;https://x\u0007link\u001b]8;;\u0007 \u001b[38;5;2')).toBe('error link ')
})
