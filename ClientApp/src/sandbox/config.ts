import type { MermaidConfig } from 'mermaid'
import { limits, type Palette } from './protocol'

// Settings that a diagram's `%%{init}%%` or front matter may not change, at any depth: whatever could loosen the sandbox, colours and
// fonts, which follow the page, and the layout, of which only one is built in.
const secure = [
  'secure', 'securityLevel', 'startOnLoad', 'maxTextSize', 'maxEdges', 'suppressErrorRendering', 'dompurifyConfig', 'htmlLabels',
  'forceLegacyMathML', 'legacyMathML', 'theme', 'themeVariables', 'themeCSS', 'darkMode', 'fontFamily', 'altFontFamily', 'layout', 'look',
]

export function configFor(palette: Palette): MermaidConfig {
  return {
    secure,
    startOnLoad: false,
    securityLevel: 'strict',
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    suppressErrorRendering: true,
    maxTextSize: limits.chars,
    maxEdges: limits.edges - 1,
    layout: 'dagre',
    look: 'classic',
    theme: 'base',
    darkMode: palette.dark,
    fontFamily: palette.font,
    themeVariables: {
      darkMode: palette.dark,
      fontFamily: palette.font,
      fontSize: '14px',
      background: palette.page,
      primaryColor: palette.accentSoft,
      primaryTextColor: palette.ink,
      primaryBorderColor: palette.accent,
      secondaryColor: palette.sunken,
      secondaryTextColor: palette.ink,
      secondaryBorderColor: palette.line,
      tertiaryColor: palette.raised,
      tertiaryTextColor: palette.ink,
      tertiaryBorderColor: palette.line,
      lineColor: palette.muted,
      textColor: palette.ink,
      titleColor: palette.ink,
      edgeLabelBackground: palette.page,
      noteBkgColor: palette.raised,
      noteTextColor: palette.ink,
      noteBorderColor: palette.line,
      errorBkgColor: palette.page,
      errorTextColor: palette.danger,
    },
  }
}
