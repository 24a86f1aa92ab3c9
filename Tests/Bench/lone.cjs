// One answer on a server that does nothing else: how often it commits, and how many pages it writes to the log of the database.
const { closeSync, openSync, readSync } = require('node:fs')
const { metric, settled } = require('./servers.cjs')

const SAMPLES = 5
const HEADER = 32
const FRAME = 24

/** Counts the pages that are written to a log, until it is told to end; the server may begin the log anew meanwhile. */
function countPages(path) {
  let [salt, at, pages] = ['', 0, 0]
  const look = () => {
    const file = openSync(path, 'r')
    try {
      const header = Buffer.alloc(HEADER)
      if (readSync(file, header, 0, HEADER, 0) < HEADER) return
      const size = FRAME + header.readUInt32BE(8)
      if (header.toString('hex', 16, 24) !== salt) [salt, at] = [header.toString('hex', 16, 24), 0]
      const frame = Buffer.alloc(FRAME)
      while (readSync(file, frame, 0, FRAME, HEADER + at * size) === FRAME && frame.toString('hex', 8, 16) === salt) [at, pages] = [at + 1, pages + 1]
    } finally {
      closeSync(file)
    }
  }
  look()
  pages = 0
  const looking = setInterval(look, 20)
  return () => {
    clearInterval(looking)
    look()
    return pages
  }
}

/**
 * The medians of some answers, with everything that the server puts off until it is idle. Not with their share of an addition to the text
 * index, for which few messages wait: 32 such answers share about 26 pages.
 */
async function lone(server, scenario, { load, askAiChat }) {
  const { tokens, gapMs } = scenario
  const samples = []
  let last = {}
  const questions = await askAiChat(server, `bench-${tokens}-${gapMs}`, SAMPLES)
  await settled(server)
  for (const question of questions) {
    const before = await metric(server, 'aichat_commits_total')
    const pages = countPages(server.wal)
    last = await load(['stream', server.port, 'aichat', 1, 1, 0, tokens], [question])
    await settled(server)
    samples.push({ commits: (await metric(server, 'aichat_commits_total')) - before, pages: pages(), errors: last.errors })
  }
  const middle = (key) => samples.map((sample) => sample[key]).sort((a, b) => a - b)[Math.floor(SAMPLES / 2)]
  return {
    ...last, scenario: scenario.name, server: server.name, commits: middle('commits'), pages: middle('pages'),
    errors: samples.reduce((sum, { errors }) => sum + errors, 0), tokensPerSecond: last.tokens / (last.elapsedUs / 1e6),
  }
}

module.exports = { lone }
