const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** Replaces KaTeX inside diagrams: formulas would need HTML in the drawing, so their source is shown. */
export default {
  renderToString: (tex: string) => tex.replace(/[&<>]/g, (one) => entities[one] ?? one),
}
