import type { MessageKey } from '../i18n/index.svelte'

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

interface KeyLine {
  keys: readonly string[]
  does: MessageKey
}

export const keyLines: readonly { title: MessageKey; lines: readonly KeyLine[] }[] = [
  {
    title: 'keys.everywhere',
    lines: [
      { keys: ['mod', 'K'], does: 'keys.search' },
      { keys: ['mod', 'shift', 'O'], does: 'keys.new' },
      { keys: ['mod', 'B'], does: 'keys.sidebar' },
      { keys: ['shift', 'Esc'], does: 'keys.write' },
      { keys: ['mod', 'shift', 'C'], does: 'keys.copyLast' },
      { keys: ['mod', ','], does: 'keys.settings' },
      { keys: ['?'], does: 'keys.sheet' },
    ],
  },
  {
    title: 'keys.composer',
    lines: [
      { keys: ['Enter'], does: 'keys.send' },
      { keys: ['shift', 'Enter'], does: 'keys.line' },
      { keys: ['up'], does: 'keys.editLast' },
      { keys: ['Esc'], does: 'keys.stop' },
    ],
  },
  {
    title: 'keys.list',
    lines: [
      { keys: ['up', 'down'], does: 'keys.move' },
      { keys: ['right'], does: 'keys.menu' },
      { keys: ['F2'], does: 'keys.rename' },
      { keys: ['Delete'], does: 'keys.delete' },
    ],
  },
]
