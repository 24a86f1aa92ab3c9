// How the blocks begin that GFM does not know.

export const tightHeading = /^ {0,3}(#{2,6})(?=[\u2e80-\u9fff\uac00-\ud7ff\uff00-\uffef\d*])([^\n]+?)(?:[ \t]+#+)?[ \t]*(?:\n+|$)/
// The text goes on in the next lines until another block begins, and in indented ones.
const goesOn = String.raw`\n(?! {0,3}\[\^[^\]\s]+\]:|#{1,6}\s|\x60{3}|~~~|>|\||[-*+] |\d+[.)] )[^\n]*\S[^\n]*`
export const noteText = new RegExp(
  `^ {0,3}\\[\\^([^\\]\\s]{1,60})\\]:[ \\t]*([^\\n]*(?:${goesOn})*(?:\\n+(?: {2,}|\\t)[^\\n]+)*)(?:\\n+|$)`,
)
/** Where a paragraph may end for one of them. */
export const begins = /\n {0,3}(?:\$\$|\\\[|\\begin\{|<details[\s>]|<table[\s>]|\[\^[^\]\s]+\]:|#{2,6}[^\s#])/
