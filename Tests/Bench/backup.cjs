// Streams alone, then the same beside a backup of a large database, which is made once and kept under artifacts/.
const { spawnSync } = require('node:child_process')
const { existsSync, mkdirSync, readdirSync, renameSync, rmSync } = require('node:fs')
const { join } = require('node:path')
const { SETUP_CODE, call, peak, prepare, startAiChat, wait } = require('./servers.cjs')

const { TOOLS, ROOT } = process.env
const MESSAGE_BYTES = 20_000

/** Long messages of one person, as many as the size takes. */
const sql = (megabytes) => `
  insert into sessions (id, user_id, title, message_count, created_at, updated_at) select 1000, id, 'Long', 1, 1, 1 from users limit 1;
  with recursive n (i) as (select 0 union all select i + 1 from n where i < ${Math.round((megabytes * 2 ** 20) / MESSAGE_BYTES)})
  insert into messages (id, session_id, role, content, status, created_at)
  select 100000 + i, 1000, iif(i % 2, 'assistant', 'user'), hex(randomblob(${MESSAGE_BYTES / 2})), 'done', i from n;`

async function startLarge({ megabytes }, providerPort) {
  const folder = join(TOOLS, `backup-${megabytes}-v${readdirSync(join(ROOT, 'Data', 'Migrations')).length}`)
  if (!existsSync(folder)) {
    const making = `${folder}.new`
    rmSync(making, { recursive: true, force: true })
    mkdirSync(making, { recursive: true })
    console.log(`Making a database of ${megabytes} MB in ${folder} (once)`)
    const empty = await startAiChat(null, { DATA_DIR: making })
    await call(empty, 'POST', '/api/auth/register', { username: 'first', password: 'backup-9z8y7x-speed', setupCode: SETUP_CODE })
    await empty.stop()
    const filled = spawnSync(join(TOOLS, 'fill'), [join(making, 'app.db')], { input: sql(megabytes), stdio: ['pipe', 'inherit', 'inherit'] })
    if (filled.status !== 0) throw new Error('the database could not be filled')
    renameSync(making, folder)
  }
  rmSync(join(folder, 'backups'), { recursive: true, force: true })
  const server = await startAiChat(null, { DATA_DIR: folder })
  await prepare(server, providerPort, { username: 'first', password: 'backup-9z8y7x-speed' })
  return server
}

/** One backup, until the server calls it done. */
async function backup(server) {
  const begun = performance.now()
  const { name } = await call(server, 'POST', '/api/backups', {})
  for (;;) {
    const item = (await call(server, 'GET', '/api/backups')).items.find((one) => one.name === name)
    if (item.status === 'done') return { name, seconds: (performance.now() - begun) / 1000, megabytes: item.bytes / 2 ** 20 }
    if (item.status !== 'running') throw new Error(`the backup ended with ${JSON.stringify(item)}`)
    await wait(250)
  }
}

async function besideBackup(server, scenario, relay) {
  peak(server.pid)
  const alone = await relay(server, { ...scenario, tokens: 500 })
  alone.peakKb = peak(server.pid)
  let making
  const beside = await relay(server, scenario, () => (making = Promise.all([backup(server), performance.now()])))
  const streamed = performance.now()
  const [made, began] = await making
  console.log(`  alone  gap p50 ${alone.gapP50} us, p99 ${alone.gapP99}, worst stream's p99 ${alone.gapWorst}, longest ${alone.gapMax}; peak ${alone.peakKb} kB`)
  const peakKb = peak(server.pid)
  console.log(`  beside gap p50 ${beside.gapP50} us, p99 ${beside.gapP99}, worst stream's p99 ${beside.gapWorst}, longest ${beside.gapMax}; peak ${peakKb} kB`)
  return { ...beside, alone, peakKb, backup: { ...made, secondsLater: (began - streamed) / 1000 + made.seconds } }
}

module.exports = { besideBackup, startLarge }
