import type { Token, Tokens } from 'marked'
import type { HtmlCell } from './table'

// Tokens beside those of marked.

export interface DetailsToken extends Tokens.Generic {
  type: 'details'
  open: boolean
  summary: Token[]
  tokens: Token[]
}

export interface NoteToken extends Tokens.Generic {
  type: 'note'
  label: string
  tokens: Token[]
}

export interface NoteRefToken extends Tokens.Generic {
  type: 'noteRef'
  label: string
  number: number
}

export interface TableToken extends Tokens.Table {
  header: HtmlCell[]
  rows: HtmlCell[][]
}
