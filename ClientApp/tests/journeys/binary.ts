import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Server {
  url: string
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** The setup code that the first registration needs. */
export const setupCode = 'journey-setup-code'

/** The real server on a free port, with a new data folder or an existing one. */
export async function startServer(dataDir: string, port = 0): Promise<Server> {
  const binary = process.env['AICHAT_TEST_BINARY']
  if (!binary) throw new Error('AICHAT_TEST_BINARY names no server')
  const child = spawn(binary, [], {
    env: { ...process.env, DATA_DIR: dataDir, HOST: '127.0.0.1', PORT: String(port), AICHAT_SETUP_CODE: setupCode },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return {
    url: await address(child),
    stop: (signal = 'SIGTERM') =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill(signal)
      }),
  }
}

export const newDataDir = () => mkdtemp(join(tmpdir(), 'aichat-journey-'))
export const removeDataDir = (dataDir: string) => rm(dataDir, { recursive: true, force: true })

function address(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const hear = (chunk: Buffer) => {
      said += chunk.toString()
      const url = /Listening on (http:\/\/\S+)/.exec(said)?.[1]
      if (url) resolve(url)
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)))
  })
}
