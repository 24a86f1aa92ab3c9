// A server on a database of many users' messages, created once by SQL and kept under artifacts/.
const { execFileSync, spawnSync } = require('node:child_process')
const { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } = require('node:fs')
const { join } = require('node:path')
const { PROGRAMS, startPostgres } = require('./nodes.cjs')
const { SETUP_CODE, call, startAiChat, wait } = require('./servers.cjs')

const { BINARY, TOOLS, ROOT } = process.env
const ACCOUNT = { username: 'reader', password: 'search-9z8y7x-speed' }

/** A seeded generator: the same numbers in each run. */
function numbers(seed) {
  return (below) => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return Math.floor((seed / 2147483648) * below)
  }
}

/** Texts of some 25 words: half of them common ones, every tenth with Russian, every tenth with Chinese. */
function texts(count) {
  const next = numbers(1)
  const common = `the and of to function server database answer question model network please explain happens between running memory thread
    language python javascript because however result return value string number table index query search which where there would could
    should example following system process write reading current different important possible without through`.split(/\s+/)
  const russian = 'привет сервер ответ вопрос Москва данные модель система работа поиск'.split(' ')
  const chinese = '人工智能 改变 世界 数据库 服务器 模型 回答 问题 搜索 中文 测试 系统 运行 内存 线程 语言 网络'.split(' ')
  const some = (list, length) => Array.from({ length }, () => list[next(list.length)])
  const rare = Array.from({ length: 3000 }, () => some([...'abcdefghijklmnoprstuvwxyz'], 4 + next(6)).join(''))
  return Array.from({ length: count }, (_, i) => [
    ...Array.from({ length: 25 }, () => (next(2) ? common : rare)[next(next(2) ? 50 : 40)]), ...some(rare, 4),
    ...(i % 10 === 3 ? some(russian, 5) : []), i % 10 === 7 ? some(chinese, 8).join('') : '',
  ].join(' '))
}

/** Messages of 5,000 users, 50 a chat; those of one reader are spread evenly among them. */
function sql(own, messages) {
  const pool = texts(4000)
  const every = Math.floor(messages / own)
  return `
    create temporary table pool (id integer primary key, text text not null);
    insert into pool (id, text) values ${pool.map((text, i) => `(${i}, '${text}')`).join(',')};
    create temporary table me (id integer);
    insert into me (id) select id from users where username = '${ACCOUNT.username}';
    with recursive n (i) as (select 0 union all select i + 1 from n where i < 4999)
    insert into users (id, username, username_key, role, status, created_at) select 100000 + i, 'other' || i, 'other' || i, 'USER', 'ACTIVE', 1 from n;
    with recursive n (i) as (select 0 union all select i + 1 from n where i < ${Math.ceil((messages + own) / 50)})
    insert into sessions (id, user_id, title, message_count, created_at, updated_at) select 100000 + i, 100000 + i % 5000, 'Chat ' || i, 50, 1, i from n;
    with recursive n (i) as (select 0 union all select i + 1 from n where i < ${own / 50 - 1})
    insert into sessions (id, user_id, title, message_count, created_at, updated_at) select 1000 + i, me.id, 'Mine ' || i, 50, 1, i from n, me;
    with recursive n (i) as (select 0 union all select i + 1 from n where i < ${messages + own - 1})
    insert into messages (id, session_id, role, content, status, created_at)
    select 100000 + i, iif(i % ${every} = ${Math.min(7, every - 1)} and i / ${every} < ${own}, 1000 + i / ${every} / 50, 100000 + i / 50), iif(i % 2, 'assistant', 'user'), pool.text, 'done', i
    from n join pool on pool.id = i * 7919 % 4001 % 4000;
    insert into messages_text_due (id) select id from messages;`
}

/** The data folder, created when there is none for this schema. */
async function data(own, messages) {
  const schema = readdirSync(join(ROOT, 'Data', 'Migrations')).length
  const folder = join(TOOLS, `search-${own}-${messages}-v${schema}`)
  if (existsSync(folder)) return folder
  const making = `${folder}.new`
  rmSync(making, { recursive: true, force: true })
  mkdirSync(making, { recursive: true })
  console.log(`Making a database of ${messages.toLocaleString('en')} messages in ${folder} (once)`)
  const begun = performance.now()
  const server = await startAiChat(null, { DATA_DIR: making })
  await call(server, 'POST', '/api/auth/register', { ...ACCOUNT, setupCode: SETUP_CODE })
  await server.stop()
  const filled = spawnSync(join(TOOLS, 'fill'), [join(making, 'app.db')], { input: sql(own, messages), stdio: ['pipe', 'inherit', 'inherit'] })
  if (filled.status !== 0) throw new Error('the database could not be filled')
  renameSync(making, folder)
  console.log(`It took ${Math.round((performance.now() - begun) / 1000)} s`)
  return folder
}

/** The same rows on PostgreSQL: the server of DATABASE_URL, whose database is empty, or one of this run. */
async function startMoved(folder) {
  const own = process.env.DATABASE_URL ? null : await startPostgres()
  try {
    return await startOn(own?.url ?? process.env.DATABASE_URL, folder, () => own?.stop())
  } catch (error) {
    own?.stop()
    throw error
  }
}

async function startOn(url, folder, stopDatabase) {
  const variables = { DATABASE_URL: url, AICHAT_MASTER_KEY: readFileSync(join(folder, 'master.key'), 'utf8').trim() }
  console.log('Moving it to PostgreSQL')
  execFileSync(BINARY, ['migrate-store', '--to', url], { env: { ...process.env, DATABASE_URL: '', DATA_DIR: folder }, stdio: ['ignore', 'ignore', 'inherit'] })
  const server = await startAiChat(null, variables)
  const begun = performance.now()
  const due = () => execFileSync(join(PROGRAMS, 'psql'), ['-qAt', '-c', 'select count(*) from messages_text_due', url], { encoding: 'utf8' }).trim()
  while (due() !== '0') await wait(1_000)
  console.log(`The search was complete after ${Math.round((performance.now() - begun) / 1000)} s`)
  return { ...server, name: 'AiChat on PostgreSQL', stop: async () => (await server.stop(), stopDatabase()) }
}

/** The first start adds the messages to the index. */
async function startFilled({ own, messages, isOnPostgres }) {
  const folder = await data(own, messages)
  const server = isOnPostgres ? await startMoved(folder) : await startAiChat(null, { DATA_DIR: folder })
  server.token = (await call(server, 'POST', '/api/auth/token', ACCOUNT)).accessToken
  await call(server, 'PATCH', '/api/settings/system', { requestsPerMinute: 0 })
  return server
}

const middle = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]

/** One search after the other, as one user does. */
async function search(server, scenario) {
  const row = { scenario: scenario.name, server: server.name, errors: 0, searches: [] }
  for (const [what, q] of scenario.searches) {
    const took = []
    let found
    for (let i = 0; i < 25; i++) {
      const begun = performance.now()
      found = (await call(server, 'GET', `/api/sessions?limit=50&q=${encodeURIComponent(q)}`)).items.length
      took.push((performance.now() - begun) * 1000)
      await wait(5)
    }
    took.splice(0, 3) // warm
    took.sort((a, b) => a - b)
    row.searches.push({ what, q, found, p50: middle(took, 0.5), p95: middle(took, 0.95) })
  }
  return row
}

module.exports = { startFilled, search }
