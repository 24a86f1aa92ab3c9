import type { MermaidConfig } from 'mermaid'
import { limits, type Palette } from './protocol'

// Settings that a diagram's `%%{init}%%` or front matter may not change, at any depth: whatever could loosen the sandbox, colours and
// fonts, which follow the page, and the layout, of which only one is built in.
const secure = [
  'secure', 'securityLevel', 'startOnLoad', 'maxTextSize', 'maxEdges', 'suppressErrorRendering', 'dompurifyConfig', 'htmlLabels',
  'forceLegacyMathML', 'legacyMathML', 'theme', 'themeVariables', 'themeCSS', 'darkMode', 'fontFamily', 'altFontFamily', 'layout', 'look',
]

// One size for every text.
const size = 14

/** Numbered variables, each with one of the four hues. */
function numbered(colours: readonly string[], ...names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => Array.from({ length: 13 }, (_, at) => [`${name}${at}`, colours[at % colours.length] ?? ''])),
  )
}

export function configFor(palette: Palette): MermaidConfig {
  const { hues, grounds, ink, page, muted } = palette
  return {
    secure,
    startOnLoad: false,
    securityLevel: 'strict',
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    sequence: { actorFontSize: size, noteFontSize: size, messageFontSize: size },
    gantt: { fontSize: size, sectionFontSize: size },
    // By itself it writes into HTML elements, which a drawing may not have.
    journey: { taskFontSize: size, textPlacement: 'tspan' },
    er: { fontSize: size },
    // One size, whatever a kind of diagram sets by itself. A label covers the line that it stands on.
    themeCSS:
      `text, tspan { font-size: ${size}px !important; } ` +
      `.edgeLabel rect, .labelBkg { opacity: 1; fill: ${page}; background-color: ${page}; }`,
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
      fontSize: `${size}px`,
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
      ...numbered(grounds, 'cScale', 'fillType', 'pie'),
      ...numbered(hues, 'cScalePeer', 'cScaleInv', 'git'),
      ...numbered([ink], 'cScaleLabel'),
      ...numbered([page], 'gitBranchLabel'),
      commitLabelFontSize: `${size}px`,
      tagLabelFontSize: `${size}px`,
      pieTitleTextSize: `${size}px`,
      pieSectionTextSize: `${size}px`,
      pieLegendTextSize: `${size}px`,
      pieSectionTextColor: ink,
      pieLegendTextColor: ink,
      pieStrokeColor: page,
      pieOuterStrokeColor: muted,
      pieOpacity: '1',
      xyChart: {
        backgroundColor: page,
        titleColor: ink,
        xAxisLabelColor: ink,
        xAxisTitleColor: ink,
        yAxisLabelColor: ink,
        yAxisTitleColor: ink,
        plotColorPalette: hues.join(', '),
      },
      errorBkgColor: palette.page,
      errorTextColor: palette.danger,
    },
  }
}
