import type { Message, ToolCall } from '../api/types'
import { safeUrl } from '../markdown/inline'

/** A page found by a web search. Answers cite it by its number. */
export interface Source {
  number: number
  title: string
  url: string
  host: string
  text: string
}

/** The pages found by the searches of an answer. Tool results are free text, so only entries that parse as web pages count. */
export function sourcesOf(calls: readonly ToolCall[] | null | undefined): Source[] {
  return (calls ?? []).flatMap((call) => parse(call.result).flatMap((entry) => toSource(entry)))
}

function parse(result: string | null | undefined): unknown[] {
  if (!result?.startsWith('[')) return []
  try {
    const value: unknown = JSON.parse(result)
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

function toSource(entry: unknown): Source[] {
  if (typeof entry !== 'object' || entry === null) return []
  const { number, title, url, text } = entry as Record<string, unknown>
  const target = typeof url === 'string' ? safeUrl(url) : null
  if (typeof number !== 'number' || !target || target.protocol === 'mailto:') return []
  return [
    {
      number,
      title: typeof title === 'string' && title !== '' ? title : target.hostname,
      url: target.href,
      host: target.hostname.replace(/^www\./, ''),
      text: typeof text === 'string' ? text : '',
    },
  ]
}

/** An answer as text, with the pages that it cites; one that cites none by number lists all that were found. */
export function withSources(message: Message, title: string): string {
  const all = [...new Map(sourcesOf(message.toolCalls).map((source) => [source.number, source])).values()]
  const cited = all.filter((source) => message.content.includes(`[${source.number}]`))
  const list = (cited.length > 0 ? cited : all).map((source) => `[${source.number}] [${source.title.replace(/[[\]]/g, '')}](${source.url})`)
  return list.length === 0 ? message.content : `${message.content.trimEnd()}\n\n${title}\n\n${list.map((line) => `- ${line}`).join('\n')}\n`
}

/** The query of a search. */
export function queryOf(call: ToolCall): string {
  try {
    const value: unknown = JSON.parse(call.arguments ?? '')
    return typeof value === 'object' && value !== null && 'query' in value && typeof value.query === 'string' ? value.query : ''
  } catch {
    return ''
  }
}

/** JSON with indentation; any other text unchanged. */
export function readable(text: string | null | undefined): string {
  if (!text) return ''
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
