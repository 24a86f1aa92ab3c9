import { expect, it, vi } from 'vitest'
import { Places } from '../../src/lib/state/places'

it('are kept as numbers, for the chats read last and one account', () => {
  const kept = new Map<string, string>()
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  })
  let open = true
  const places = new Places(() => open)
  places.belongTo(1)
  for (let chat = 1; chat <= 70; chat++) places.set(chat, { messageId: chat * 10, offset: -1.4 })
  expect(places.get(10)).toBeNull()
  expect(places.get(70)).toEqual({ messageId: 700, offset: -1 })
  expect(JSON.parse(kept.get('aichat.places.1') ?? '')).toHaveLength(60)
  places.set(70, null)
  expect(places.get(70)).toBeNull()
  places.belongTo(2)
  expect(places.get(69)).toBeNull()
  kept.set('aichat.places.2', '[["<b>",1,2],[5,6,7],null]')
  expect(places.get(5)).toEqual({ messageId: 6, offset: 7 })
  open = false
  places.set(5, { messageId: 8, offset: 0 })
  expect(places.get(5)).toEqual({ messageId: 6, offset: 7 })
})
