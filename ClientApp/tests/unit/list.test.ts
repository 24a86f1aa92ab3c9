import { describe, expect, it } from 'vitest'
import type { Session } from '../../src/lib/api/types'
import { termsOf } from '../../src/lib/browser/letters'
import { asLine, highlight } from '../../src/lib/overlay/highlight'
import { commandOf } from '../../src/lib/overlay/keys'
import { byActivity, groupByDate } from '../../src/lib/state/date-groups'

const session = (id: number, updatedAt: string, pinned = false): Session => ({
  id,
  title: `${id}`,
  connectionId: null,
  model: null,
  createdAt: updatedAt,
  updatedAt,
  pinned,
})

describe('the list of chats', () => {
  it('has the pinned ones first, then the newest', () => {
    const list = [
      session(1, '2026-11-20T08:00:00.000Z', true),
      session(2, '2026-11-23T08:00:00.000Z'),
      session(3, '2026-11-22T08:00:00.000Z'),
      session(4, '2026-11-22T08:00:00.000Z'),
    ]
    expect(list.toSorted(byActivity).map((one) => one.id)).toEqual([1, 2, 4, 3])
    expect(groupByDate(list.toSorted(byActivity), new Date('2026-11-23T12:00:00Z')).map((group) => group.key)).toEqual([
      'pinned',
      'today',
      'yesterday',
    ])
  })
})

describe('what was searched for', () => {
  it('is marked in the text as it stands there', () => {
    expect(highlight('A Needle, a needle.', termsOf(' needle  a '))).toEqual([
      { text: 'A', hit: true }, { text: ' ', hit: false }, { text: 'Needle', hit: true }, { text: ', ', hit: false },
      { text: 'a', hit: true }, { text: ' ', hit: false }, { text: 'needle', hit: true }, { text: '.', hit: false },
    ])
    expect(highlight('nothing', [])).toEqual([{ text: 'nothing', hit: false }])
  })
})

describe('keys', () => {
  const press = (key: string, change: Partial<KeyboardEvent> = {}) =>
    commandOf({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, target: null, ...change })
  it('mean commands only with their modifiers', () => {
    expect([
      press('k', { ctrlKey: true }),
      press('O', { ctrlKey: true, shiftKey: true }),
      press(',', { ctrlKey: true }),
      press('?'),
    ]).toEqual(['search', 'new', 'settings', 'keys'])
    expect([
      press('k'),
      press('K', { ctrlKey: true, shiftKey: true }),
      press('o', { ctrlKey: true }),
      press('k', { ctrlKey: true, altKey: true }),
      press('?', { metaKey: true }),
    ]).toEqual([null, null, null, null, null])
  })
})

describe('a hit of the search', () => {
  it('is one line of text, without marks', () => {
    const zh = '## 哈希表\n\n**“散列函数”**把键变成位置。\n\n```python hash.py\ndef put(a || b):\n```\n> [!NOTE] 扩容\n- [x] 选 `散列` 函数'
    expect(asLine(zh)).toBe('哈希表 “散列函数”把键变成位置。 hash.py def put(a || b): 扩容 选 散列 函数')
    expect(asLine('| 操作 | 平均 |\n|---|---:|\n| 查找 | O(1) |')).toBe('操作 平均 查找 O(1)')
  })

  it('keeps what is no mark', () => {
    for (const text of ['2 * 3 * 4 = 24', 'a_b and __init__', '…end of it, #tag and C#', 'x > y, 5 < 6', '10~20 度', 'cost: $5 | free'])
      expect(asLine(text)).toBe(text === 'cost: $5 | free' ? 'cost: $5 free' : text)
    expect(asLine('a *hash function*, and *散列*函数, see [the article](https://example.org/a)')).toBe(
      'a hash function, and 散列函数, see the article',
    )
    expect(highlight(asLine('**Need**le'), termsOf('needle'))).toEqual([{ text: 'Needle', hit: true }])
  })
})
