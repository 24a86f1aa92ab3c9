import '../i18n/welcome'
import type { MessageKey } from '../i18n/index.svelte'

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
