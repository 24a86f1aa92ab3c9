import { expect, it, vi } from 'vitest'
import { inTurn, nextTask } from '../../src/lib/browser/tasks'

it('runs the queue in order, a slice of time in each task, and goes on after one that throws', async () => {
  const reported: unknown[] = []
  vi.stubGlobal('reportError', (error: unknown) => reported.push(error))
  const done: string[] = []
  const busy = (ms: number) => { for (const end = performance.now() + ms; performance.now() < end;); }
  inTurn(() => done.push('first'))
  inTurn(() => { throw new Error('broken') })
  inTurn(() => { busy(12); done.push('long') })
  inTurn(() => done.push('last'))
  expect(done).toEqual([])
  await nextTask()
  expect(done).toEqual(['first', 'long'])
  await nextTask()
  expect(done).toEqual(['first', 'long', 'last'])
  expect(reported).toEqual([new Error('broken')])
  await new Promise<void>((end) => inTurn(end))
  vi.unstubAllGlobals()
})
