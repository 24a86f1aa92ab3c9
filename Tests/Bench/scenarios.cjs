// The scenarios and their bounds. A bound is [what, bound, value, holds].
const us = (value) => `${(value / 1000).toFixed(2)} ms`
const most = (what, limit, value, show = (number) => number.toFixed(1)) =>
  [what, `<= ${show(limit)}`, value === undefined ? 'not measured: they were never all running' : show(value), value <= limit]
const least = (what, limit, value) => [what, `>= ${limit.toLocaleString('en')}`, Math.round(value).toLocaleString('en'), value >= limit]
const noErrors = (ours) => most('errors', 0, ours.errors, String)
const gap = (ours, nginx) => most('gap p99', nginx.gapP99 + 10_000, ours.gapP99, us)

/** Paced streams of `gapMs` begin evenly over `rampMs`, so that the starts do not distort the middle. */
const relay = (id, name, streams, tokens, gapMs, extra, judge) => ({ id, name, streams, tokens, gapMs, atOnce: streams, rampMs: 0, judge, ...extra })

/** A user searches messages of their own; `of` is the number of all users' messages. */
const search = (id, own, of, limit) => ({
  id, kind: 'search', own, messages: of,
  name: `search in ${own.toLocaleString('en')} of ${of.toLocaleString('en')} messages`,
  searches: [
    ['common', 'the'], ['word', 'function'], ['three words', 'because where could'], ['phrase', '"the function of"'], ['rare', 'zqxjvw'],
    ['Chinese', '人工智能'], ['Russian', 'ПРИВЕТ'], ['full width', 'ＦＵＮＣＴＩＯＮ'], ['two letters', 'th'], ['one character', '工'], ['two characters', '数据'],
    ['two letters that nobody wrote', 'q%'], ['one letter 200 times', 'e'.repeat(200)],
  ],
  judge: (ours) => ours.searches.map(({ what, p95 }) => most(`${what} p95`, limit, p95, us)),
})

/** Four users with four megabytes of text each, who search for terms too short for the index and load the text as files. */
async function slowReaders(server, call) {
  const text = 'All work and no play makes a long text that has to be read to the end. '.repeat(1300)
  const make = async (_, number) => {
    const account = { username: `reader${number}`, password: 'relay-9z8y7x-speed' }
    const { user } = await call({ ...server, token: null }, 'POST', '/api/auth/register', account)
    await call(server, 'POST', `/api/users/${user.id}/approve`, {})
    const reader = { ...server, token: (await call({ ...server, token: null }, 'POST', '/api/auth/token', account)).accessToken }
    const { id } = await call(reader, 'POST', '/api/sessions', { connectionId: server.connectionId, model: 'bench-20-0' })
    for (let i = 0; i < 40; i++) {
      const response = await fetch(`http://127.0.0.1:${server.port}/api/chat/stream`, {
        method: 'POST', headers: { authorization: `Bearer ${reader.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ sessionId: id, content: text, clientMessageId: `slow-${number}-${i}` }),
      })
      await response.arrayBuffer()
    }
    return { token: reader.token, paths: ['/api/sessions?q=zq', `/api/sessions/${id}/find?q=zqzq`, `/api/sessions/${id}/export?format=md`] }
  }
  return Promise.all(Array.from({ length: 4 }, make))
}

const SCENARIOS = [
  relay('one', '1 stream x 2,000 tokens, unpaced', 50, 2000, 0, { atOnce: 1 }, (ours, nginx) => [
    most('added time to first token p50', 5_000, ours.firstP50 - nginx.firstP50, us),
    least('tokens/s through one run', 200_000, ours.ratePerRun),
    noErrors(ours),
  ]),
  relay('hundred', '100 streams x 500, unpaced', 100, 500, 0, {}, (ours) => [noErrors(ours)]),
  relay('twenty', '20 streams x 100, every 50 ms', 20, 100, 50, { rampMs: 50 }, (ours, nginx) => [gap(ours, nginx), noErrors(ours)]),
  relay('thousand', '1,000 streams x 60, every 50 ms', 1000, 60, 50, { rampMs: 1000 }, (ours, nginx) => [
    most('added time to first token p99', 50_000, ours.firstP99 - nginx.firstP99, us),
    gap(ours, nginx),
    most('CPU us/token while all run, times nginx', 2, ours.cpuSteady && nginx.cpuSteady && ours.cpuSteady / nginx.cpuSteady, (ratio) => ratio.toFixed(2)),
    most('RSS KiB per stream', 40, ours.rssPerStream),
    most('commits/s while all run', 10, ours.commitsPerSecond),
    noErrors(ours),
  ]),
  relay('three-thousand', '3,000 streams x 30, every 250 ms', 3000, 30, 250, { rampMs: 3000 }, (ours) => [
    most('RSS KiB per stream', 40, ours.rssPerStream),
    noErrors(ours),
  ]),
  { id: 'attach', kind: 'attach', name: '500 attach to one running answer', streams: 500, tokens: 200, gapMs: 25, judge: (ours) => [noErrors(ours)] },
  {
    id: 'slow-reads', kind: 'slow', name: '100 streams beside 4 slow reads', streams: 100, atOnce: 100, tokens: 100, gapMs: 50, rampMs: 100,
    prepare: slowReaders,
    judge: (ours) => [
      most('gap p99, times without the reads', 2, ours.gapP99 / ours.gapAlone, (ratio) => ratio.toFixed(2)),
      least('reads meanwhile', 4, ours.reads),
      noErrors(ours),
    ],
  },
  {
    id: 'backup', kind: 'backup', name: '100 streams beside a backup of 1 GB', streams: 100, atOnce: 100, tokens: 2400, gapMs: 50, rampMs: 1000,
    megabytes: 1024,
    judge: (ours) => [
      most('gap p99 of the worst stream, times without the backup', 2, ours.gapWorst / ours.alone.gapWorst, (ratio) => ratio.toFixed(2)),
      most('longest gap of all, times without the backup', 2, ours.gapMax / ours.alone.gapMax, (ratio) => ratio.toFixed(2)),
      most('peak memory, MB more than without the backup', 20, (ours.peakKb - ours.alone.peakKb) / 1024),
      ['backup is over before the streams', 'yes', `${ours.backup.seconds.toFixed(0)} s, ${Math.round(ours.backup.megabytes)} MB`, ours.backup.isInside],
      noErrors(ours),
    ],
  },
  {
    id: 'sessions', kind: 'reads', name: 'sessions: page of 20 among 200',
    async prepare(server, { call, http }) {
      for (let i = 0; i < 200; i++) await call(server, 'POST', '/api/sessions', { title: `A chat about the number ${i}` })
      return [http('GET', '/api/sessions?limit=20', `Authorization: Bearer ${server.token}\r\n`)]
    },
    judge: (ours) => [least('requests/s', 10_000, ours.requestsPerSecond), noErrors(ours)],
  },
  {
    id: 'messages', kind: 'reads', name: 'messages: page of a chat',
    async prepare(server, { call, http, load }) {
      const { id } = await call(server, 'POST', '/api/sessions', { connectionId: server.connectionId, model: 'bench-20-0' })
      const headers = `Authorization: Bearer ${server.token}\r\n`
      for (let i = 0; i < 10; i++) {
        const body = JSON.stringify({ sessionId: id, content: 'Tell me more about that.', clientMessageId: `bench-${i}` })
        await load(['stream', server.port, 'aichat', 1, 1, 0, 20], [http('POST', '/api/chat/stream', headers, body)])
      }
      return [http('GET', `/api/sessions/${id}/messages?limit=20`, headers)]
    },
    judge: (ours) => [noErrors(ours)],
  },
  search('search-small', 1_000, 261_000, 50_000),
  search('search', 1_000, 3_000_000, 100_000),
  search('search-own', 100_000, 3_000_000, 100_000),
]

module.exports = { SCENARIOS, relays: (scenario) => scenario.kind === undefined }
