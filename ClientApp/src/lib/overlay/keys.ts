const mac = /Mac|iPhone|iPad/.test(globalThis.navigator?.userAgent ?? '')

/** The symbol of the key on this system; other names are returned unchanged. */
export function keyName(key: string): string {
  switch (key) {
    case 'mod': return mac ? '⌘' : 'Ctrl'
    case 'shift': return mac ? '⇧' : 'Shift'
    case 'up': return '↑'
    case 'down': return '↓'
    case 'right': return '→'
    default: return key
  }
}

export type Command = 'search' | 'new' | 'settings' | 'keys' | 'sidebar' | 'copy' | 'write'

/** The command of a key press; null when there is none or the person is typing. */
export function commandOf(
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey' | 'target'>,
): Command | null {
  const mod = mac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey
  if (mod && !event.altKey) {
    const key = event.key.toLowerCase()
    if (key === 'k' && !event.shiftKey) return 'search'
    if (key === 'o' && event.shiftKey) return 'new'
    if (key === 'c' && event.shiftKey) return 'copy'
    if (key === 'b' && !event.shiftKey) return 'sidebar'
    if (key === ',' && !event.shiftKey) return 'settings'
    return null
  }
  if (event.key === 'Escape' && event.shiftKey) return 'write'
  return event.key === '?' && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target) ? 'keys' : null
}

function isTyping(target: EventTarget | null): boolean {
  return (
    typeof Element !== 'undefined' && target instanceof Element && target.closest('input, textarea, select, [contenteditable]') !== null
  )
}
