import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientSetups } from '../../src/lib/keys/clients'
import { open } from './place.mjs'

const packages = join(import.meta.dirname, 'node_modules')
const arch = process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64'
const triple = process.arch === 'arm64' ? 'aarch64-unknown-linux-musl' : 'x86_64-unknown-linux-musl'
const question = 'use the tool 2 times'

/** Each program with its arguments and the model that it is set up with. The packages' own executables: no install script has run. */
const programs = {
  codex: {
    file: `@openai/codex-${arch}/vendor/${triple}/bin/codex`,
    args: ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', question],
    model: 'responses',
  },
  opencode: { file: `opencode-${arch}/bin/opencode`, args: ['run', question], model: 'openai' },
  claude: {
    file: `@anthropic-ai/claude-code-${arch}/claude`,
    args: ['-p', question, '--dangerously-skip-permissions'],
    model: 'anthropic',
  },
}

/** The programs as people run them, set up with the lines that the page of keys shows. They reach this machine only. */
describe.skipIf(!process.env['AICHAT_TEST_BINARY'])('the program', () => {
  let place
  beforeAll(async () => {
    place = await open()
  })
  afterAll(() => place?.close())

  const each = it.concurrent.each(Object.entries(programs))
  each('%s works with tools over several steps', { timeout: 90_000 }, async (id, { file, args, model }) => {
    const home = join(place.folder, id)
    const env = await setUp(id, home, model)
    const { code, output } = await run(join(packages, file), args, { cwd: home, env })

    expect(output).toContain('Hello there')
    expect(code, output).toBe(0)
    const steps = place.asked.filter((one) =>
      one.path.startsWith(paths[model]) && one.text.includes(question) && one.body.tools?.length > 0)
    expect(steps.map((one) => [1, 2].filter((at) => one.text.includes(`RESULT-${at}`)).length)).toEqual([0, 1, 2])
  })

  const paths = { responses: '/re/', openai: '/oa/', anthropic: '/an/' }

  /** Writes the files and returns the variables of a set-up; the rest keeps a program off the network and out of the real home. */
  async function setUp(id, home, model) {
    await mkdir(home, { recursive: true })
    const env = {
      PATH: process.env['PATH'],
      HOME: home,
      TMPDIR: home,
      HTTPS_PROXY: 'http://127.0.0.1:9',
      HTTP_PROXY: 'http://127.0.0.1:9',
      NO_PROXY: '127.0.0.1',
      IS_SANDBOX: '1', // Claude Code runs tools for root only in one
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
      OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    }
    for (const { place: where, lines } of clientSetups(place.url, place.key, model, 'AiChat').find((one) => one.id === id).parts) {
      if (where.startsWith('~/')) {
        const path = join(home, where.slice(2))
        await mkdir(dirname(path), { recursive: true })
        await writeFile(path, lines)
      } else {
        for (const [, name, value] of lines.matchAll(/^export (\w+)='(.*)'$/gm)) env[name] = value
      }
    }
    return env
  }
})

function run(file, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    const late = setTimeout(() => child.kill('SIGKILL'), 80_000)
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(late)
      resolve({ code, output })
    })
  })
}
