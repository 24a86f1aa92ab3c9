import { expect, it, vi } from 'vitest'
import { Seats } from '../../src/lib/state/seats'

/** Tabs that receive each other's messages at once. */
function browser(tabs: number) {
  type Channel = NonNullable<ReturnType<NonNullable<ConstructorParameters<typeof Seats>[1]>>>
  const channels = new Set<Channel>()
  const byTab = new Map<number, Channel>()
  const granted: boolean[] = Array<boolean>(tabs).fill(true)
  const all = granted.map(
    (_, at) =>
      new Seats(
        (on) => (granted[at] = on),
        () => {
          const channel: Channel = {
            onmessage: null,
            postMessage: (data) => {
              if (channels.has(channel)) for (const one of [...channels]) if (one !== channel) one.onmessage?.({ data })
            },
            close: () => channels.delete(channel),
          }
          channels.add(channel)
          byTab.set(at, channel)
          return channel
        },
        `tab${at}`,
      ),
  )
  return {
    all,
    granted: () => granted.flatMap((on, at) => (on ? [at] : [])),
    crash: (at: number) => {
      for (const one of [...channels]) if (one === byTab.get(at)) channels.delete(one)
    },
  }
}

it('gives four tabs a connection: visible tabs first, then the latest requests', () => {
  vi.useFakeTimers({ now: 1_000_000 })
  const { all, granted } = browser(7)
  for (const seats of all) {
    seats.want(true, true)
    vi.advanceTimersByTime(10)
  }
  expect(granted()).toEqual([3, 4, 5, 6])
  all[6]?.want(false)
  expect(granted()).toEqual([2, 3, 4, 5])
  all[0]?.want(true, true)
  expect(granted()).toEqual([0, 3, 4, 5])
  all[4]?.leave()
  all[5]?.leave()
  expect(granted()).toEqual([0, 1, 2, 3, 4, 5])
  vi.useRealTimers()
})

it('forgets a tab that is not heard any more', () => {
  vi.useFakeTimers({ now: 1_000_000 })
  const { all, granted, crash } = browser(5)
  for (const seats of all) {
    seats.want(true, true)
    vi.advanceTimersByTime(10)
  }
  expect(granted()).toEqual([1, 2, 3, 4])
  crash(4)
  vi.advanceTimersByTime(10_000)
  expect(granted()).toEqual([1, 2, 3, 4])
  vi.advanceTimersByTime(12_000)
  expect(granted()).toEqual([0, 1, 2, 3, 4])
  vi.useRealTimers()
})
