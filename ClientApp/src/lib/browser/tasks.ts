/** The next task of the browser, after whatever waits: a click, a frame. */
export function nextTask(): Promise<void> {
  return new Promise((go) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      go()
    }
    port2.postMessage(null)
  })
}

// A phone takes four times as long for what a desktop does in this time; from 50 ms on it feels stuck.
const sliceMs = 6

const waiting: (() => void)[] = []
let working = false

async function work(): Promise<void> {
  working = true
  while (waiting.length > 0) {
    await nextTask()
    const began = performance.now()
    while (waiting.length > 0 && performance.now() - began < sliceMs) {
      try {
        waiting.shift()?.()
      } catch (error) {
        reportError(error)
      }
    }
  }
  working = false
}

/** Runs soon, after what waits already, and with no more of it in one task than a phone does without a stop. */
export function inTurn(run: () => void): void {
  waiting.push(run)
  if (!working) void work()
}
