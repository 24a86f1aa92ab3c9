// What drawing costs, where the page cannot go on meanwhile. In milliseconds of processor time, measured in WebKitGTK 2.50 on one core of a
// server: to begin with, and for each statement, arrow or eighty characters. Other browsers and machines are told apart by their pace.

interface Cost {
  base: number
  each: number
  /** What makes the library run as often as a number says, however short the diagram is. */
  endless?: RegExp
}

const graph: Cost = { base: 50, each: 8 }
const rows: Cost = { base: 50, each: 3 }
const marks: Cost = { base: 40, each: 1.5 }

const costs: Record<string, Cost> = {
  sequencediagram: { base: 50, each: 2 },
  pie: marks,
  quadrantchart: marks,
  gantt: { ...rows, endless: /\b(?:excludes|includes|tickinterval|weekday|weekend)\b|\d{5}/i },
  journey: rows,
  timeline: { base: 40, each: 4 },
  gitgraph: { base: 40, each: 3 },
  mindmap: { base: 50, each: 8 },
  'xychart-beta': rows,
  xychart: rows,
  'sankey-beta': rows,
  sankey: rows,
}
// One that is not known is taken for a slow one in which any number may be a count.
const unknown: Cost = { base: 80, each: 14, endless: /\d{3}/ }
const graphs = ['flowchart', 'graph', 'statediagram', 'statediagram-v2', 'classdiagram', 'classdiagram-v2', 'erdiagram']
for (const name of graphs) costs[name] = graph

const directive = /%%\{[^]*?\}%%|^\s*---\n[^]*?\n\s*---/g

// In settings: titles and colours.
const notCounts = /^\s*title:.*$|#[\da-f]{3,8}\b/gim

/** Estimated milliseconds; infinite when the text does not bound them. */
export function costOf(source: string): number {
  const settings = (source.match(directive) ?? []).join('\n').replace(notCounts, '')
  const lines = source.replace(directive, '').split(/[\n;]/).filter((line) => /\S/.test(line) && !/^\s*%%/.test(line))
  const kind = /^\s*([\w-]+)/.exec(lines[0] ?? '')?.[1]?.toLowerCase() ?? ''
  const cost = costs[kind] ?? unknown
  if (cost.endless?.test(lines.slice(1).join('\n')) || /\d{4}/.test(settings)) return Infinity
  const units = lines.slice(1).reduce((sum, line) => sum + unitsOf(line), 0)
  // The layout of a large graph takes more than its share.
  return cost.base + cost.each * units * (1 + units / 400)
}

/** A line may hold a chain of arrows, and `a & b --> c & d` means each with each. */
function unitsOf(line: string): number {
  const arrows = line.match(/[-=.~]{2,}|->|=>/g)?.length ?? 0
  const joined = line.match(/&/g)?.length ?? 0
  return Math.max(1, arrows * (1 + joined / 2) ** 2, line.length / 80)
}
