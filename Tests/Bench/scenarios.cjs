// The scenarios and their bounds. Where a scenario runs several times, the median of a bound's values counts.
const us = (value) => `${(value / 1000).toFixed(2)} ms`
const times = (ratio) => ratio.toFixed(2)
const most = (what, limit, value, show = (number) => number.toFixed(1)) => ({ what, limit, value, show, holds: (median) => median <= limit, sign: '<=' })
const least = (what, limit, value) => (
  { what, limit, value, show: (number) => Math.round(number).toLocaleString('en'), holds: (median) => median >= limit, sign: '>=' })
const noErrors = (ours) => most('errors', 0, ours.errors, String)
const gap = (ours, nginx) => most('added gap p99', 10_000, ours.gapP99 - nginx.gapP99, us)

/** Paced streams of `gapMs` begin evenly over `rampMs`, so that the starts do not distort the middle. */
const relay = (id, name, streams, tokens, gapMs, extra, judge) => ({ id, name, streams, tokens, gapMs, atOnce: streams, rampMs: 0, judge, ...extra })

/** Answers of one token, one after the other on each of 16 connections: what the start and the end of an answer cost. */
const closed = (id, name, extra, limit) => relay(id, name, 3000, 1, 0, { atOnce: 16, runs: 5, whole: true, ...extra }, (ours, nginx) => [
  most('CPU us per answer, times nginx', limit, ours.cpuPerAnswer / nginx.cpuPerAnswer, times),
  ...(extra.characters ? [] : [
    most('KB allocated per answer', 25, ours.allocatedKb),
    most('collections for 1,000 answers', 3, ours.collectionsPerThousand),
  ]),
  noErrors(ours),
])

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

/** The same on PostgreSQL; terms of one or two characters read all of the user's messages. */
const searchOnPostgres = (id, own, of, limit) => ({
  ...search(id, own, of, limit), isOnPostgres: true, name: `search on PostgreSQL in ${own.toLocaleString('en')} of ${of.toLocaleString('en')} messages`,
  judge: (ours) => ours.searches.filter(({ q }) => q.length > 2).map(({ what, p95 }) => most(`${what} p95`, limit, p95, us)),
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
  closed('start-end', 'closed loop, one token', {}, 3.5),
  closed('start-end-2000', 'closed loop, 2,000 characters', { characters: 2000, asked: 2000 }, 5),
  relay('one', '1 stream x 2,000 tokens, unpaced', 50, 2000, 0, { atOnce: 1, runs: 5 }, (ours, nginx) => [
    most('added time to first token p50', 5_000, ours.firstP50 - nginx.firstP50, us),
    least('tokens/s, starts and ends included', 300_000, ours.tokensPerSecond),
    noErrors(ours),
  ]),
  relay('hundred', '100 streams x 500, unpaced', 100, 500, 0, {}, (ours) => [noErrors(ours)]),
  relay('twenty', '20 streams x 100, every 50 ms', 20, 100, 50, { rampMs: 50 }, (ours, nginx) => [gap(ours, nginx), noErrors(ours)]),
  relay('thousand', '1,000 streams x 60, every 50 ms', 1000, 60, 50, { rampMs: 1000, runs: 5, whole: true }, (ours, nginx) => [
    most('added time to first token p99', 20_000, ours.firstP99 - nginx.firstP99, us),
    most('added gap p99', 5_000, ours.gapP99 - nginx.gapP99, us),
    most('CPU of the whole run, times nginx', 1.6, ours.cpuPerToken / nginx.cpuPerToken, times),
    most('CPU us/token while all run, times nginx', 2, ours.cpuSteady && nginx.cpuSteady && ours.cpuSteady / nginx.cpuSteady, times),
    most('RSS KiB per stream', 40, ours.rssPerStream),
    most('commits/s while all run', 10, ours.commitsPerSecond),
    noErrors(ours),
  ]),
  relay('three-thousand', '3,000 streams x 30, every 250 ms', 3000, 30, 250, { rampMs: 3000 }, (ours) => [
    most('RSS KiB per stream', 40, ours.rssPerStream),
    noErrors(ours),
  ]),
  relay('five-thousand', '5,000 streams x 30, every 500 ms', 5000, 30, 500, { rampMs: 5000, runs: 5 }, (ours) => [
    most('time to first token p99', 250_000, ours.firstP99, us),
    noErrors(ours),
  ]),
  relay('ten-thousand', '9,900 streams x 20, every 1.5 s', 9900, 20, 1500, { rampMs: 9900 }, (ours) => [
    most('RSS KiB per stream', 30, ours.rssPerStream),
    noErrors(ours),
  ]),
  {
    id: 'lone', kind: 'lone', name: 'a lone answer of 3 s', tokens: 60, gapMs: 50,
    judge: (ours) => [
      most('commits', 3, ours.commits),
      most('pages of the WAL', 20, ours.pages),
      noErrors(ours),
    ],
  },
  relay('nodes', 'two nodes: 1,000 streams x 60, every 50 ms', 1000, 60, 50, { kind: 'nodes', rampMs: 1000, runs: 3, whole: true }, (ours) => [
    most('CPU of both nodes, times one with its file', 1.5, ours.timesOne, times),
    most('PostgreSQL, cores', 0.5, ours.cores, times),
    noErrors(ours),
  ]),
  relay('nodes-start', 'two nodes: closed loop, one token', 3000, 1, 0, { kind: 'nodes', atOnce: 16, runs: 3, whole: true }, (ours) => [
    most('CPU with PostgreSQL, times one with its file', 5, ours.timesOne, times),
    noErrors(ours),
  ]),
  // The runtime takes three quarters of a container's memory for its heap.
  relay('memory', '2,500 answers in 512 MiB', 2500, 60, 250, {
    kind: 'crowd', rampMs: 5000, variables: { DOTNET_GCHeapHardLimit: (384 * 2 ** 20).toString(16) },
  }, (ours) => [
    least('answers at once', 2_000, ours.finished),
    most('peak memory, MiB', 512, ours.mostKb / 1024),
  ]),
  { id: 'attach', kind: 'attach', name: '500 attach to one running answer', streams: 500, tokens: 200, gapMs: 25, judge: (ours) => [noErrors(ours)] },
  {
    id: 'slow-reads', kind: 'slow', name: '100 streams beside 4 slow reads', streams: 100, atOnce: 100, tokens: 100, gapMs: 50, rampMs: 100,
    prepare: slowReaders,
    judge: (ours) => [
      most('gap p99, times without the reads', 2, ours.gapP99 / ours.gapAlone, times),
      least('reads meanwhile', 4, ours.reads),
      noErrors(ours),
    ],
  },
  {
    id: 'backup', kind: 'backup', name: '100 streams beside a backup of 1 GB', streams: 100, atOnce: 100, tokens: 2400, gapMs: 50, rampMs: 1000,
    megabytes: 1024,
    judge: (ours) => [
      most('gap p99 of the worst stream, times without the backup', 2, ours.gapWorst / ours.alone.gapWorst, times),
      most('longest gap of all, times without the backup', 2, ours.gapMax / ours.alone.gapMax, times),
      most('peak memory, MB more than without the backup', 20, (ours.peakKb - ours.alone.peakKb) / 1024),
      most('backup is over before the streams, s later', 0, ours.backup.secondsLater),
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
  searchOnPostgres('search-postgres', 100_000, 300_000, 50_000),
]

module.exports = { SCENARIOS, relays: ({ kind }) => kind === undefined }
