// What the drawing library uses and the oldest browsers of build/engines.ts lack.

// Chrome 120, Safari 17.
URL.canParse ??= (address) => {
  try {
    return Boolean(new URL(address))
  } catch {
    return false
  }
}

// Safari below 16.4 makes no style sheet without an element, and the library makes one for every diagram.

function made(): CSSStyleSheet {
  const style = document.createElement('style')
  style.media = 'not all'
  document.head.append(style)
  const { sheet } = style
  if (!sheet) throw new Error('no style sheet')
  sheet.replaceSync = (text) => {
    const other = document.createElement('style')
    other.media = 'not all'
    other.textContent = text
    document.head.append(other)
    while (sheet.cssRules.length > 0) sheet.deleteRule(0)
    for (const rule of other.sheet?.cssRules ?? []) sheet.insertRule(rule.cssText, sheet.cssRules.length)
    other.remove()
  }
  return sheet
}

try {
  new CSSStyleSheet()
} catch {
  // A constructor that returns an object gives that object.
  globalThis.CSSStyleSheet = function () {
    return made()
  } as unknown as typeof CSSStyleSheet
}
