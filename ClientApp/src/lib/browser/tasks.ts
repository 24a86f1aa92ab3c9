/** Resolves in the browser's next task, after pending input and frames. */
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

// A phone takes four times as long as a desktop, and a task over 50 ms feels stuck.
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

/** Runs the function after all that were queued before it, in tasks short enough to keep a phone responsive. */
export function inTurn(run: () => void): void {
  waiting.push(run)
  if (!working) void work()
}
