import S3rver from 's3rver'
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newDataDir, removeDataDir, setupCode, startServer } from '../journeys/binary'
import { png } from './setup'

const binary = process.env['AICHAT_TEST_BINARY']
const bucket = 'backups'
const account = { username: 'lin', password: 'correct horse battery' }

/** A command of the executable: what it said, and how it ended. */
const run = (env, ...args) =>
  new Promise((resolve) => {
    const child = spawn(binary, args, { env: { ...process.env, ...env } })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (said += piece))
    child.on('exit', (code) => resolve({ code, said }))
  })

/** One of the ways in which a store names a bucket. */
describe.skipIf(!binary).each([
  ['the bucket in the path', true],
  ['the bucket in the name of the host', false],
])('a backup in a store with %s', (_, pathStyle) => {
  let folder, store, address, dataDir, server, cookie

  const call = async (method, path, body, type = 'application/json') => {
    const response = await fetch(server.url + path, {
      method,
      headers: { ...(body && { 'Content-Type': type }), Origin: server.url, Cookie: cookie },
      body: type === 'application/json' ? body && JSON.stringify(body) : body,
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    cookie = response.headers.getSetCookie().map((set) => set.split(';')[0]).join('; ') || cookie
    return response
  }
  const json = async (...args) => (await call(...args)).json()

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aichat-s3rver-'))
    store = new S3rver({
      address: '127.0.0.1', port: 0, silent: true, directory: folder, configureBuckets: [{ name: bucket }],
      serviceEndpoint: 'localhost', vhostBuckets: true,
    })
    const { port } = await store.run()
    // The bucket stands before the name as it does at AWS, so no address of numbers will do.
    address = `http://s3.localhost:${port}/`
    dataDir = await newDataDir()
    server = await startServer(dataDir)
    cookie = ''
    await call('POST', '/api/auth/register', { ...account, setupCode })
  })
  afterAll(async () => {
    await server?.stop()
    await store?.close()
    await removeDataDir(dataDir)
    await rm(folder, { recursive: true, force: true })
  })

  it('is sent, is all that is left, and brings everything back into an empty folder', async () => {
    const { id } = await json('POST', '/api/sessions', { title: 'Kept in the store 云' })
    const asked = await call('POST', '/api/chat/stream', { sessionId: id, content: 'Kept?', clientMessageId: 'store-test-1' })
    await asked.text()
    const image = await json('POST', '/api/images', Buffer.from(png, 'base64'), 'image/png')
    await call('PATCH', '/api/settings/system', {
      backupS3Endpoint: address, backupS3Bucket: bucket, backupS3AccessKey: 'S3RVER', backupS3SecretKey: 'S3RVER',
      backupS3Prefix: 'all of it/a+b & 备份', backupS3PathStyle: pathStyle, backupS3Local: true,
    })
    expect(await json('POST', '/api/backups/remote/test', {})).toMatchObject({ ok: true })
    const { name } = await json('POST', '/api/backups', {})
    await expect.poll(async () => (await json('GET', '/api/backups?refresh=true')).items[0], { timeout: 20_000 })
      .toMatchObject({ name, status: 'done', local: true, remote: true })
    await server.stop()
    server = undefined
    await removeDataDir(dataDir)

    const variables = {
      DATA_DIR: dataDir, BACKUP_S3_ENDPOINT: address, BACKUP_S3_BUCKET: bucket, BACKUP_S3_ACCESS_KEY: 'S3RVER',
      BACKUP_S3_SECRET_KEY: 'S3RVER',
      BACKUP_S3_PREFIX: 'all of it/a+b & 备份', BACKUP_S3_PATH_STYLE: String(pathStyle), BACKUP_S3_LOCAL: 'true',
    }
    const restored = await run(variables, 'restore', 's3:latest', '--yes')
    expect(restored.said).toContain('holds the backup of')
    expect(restored.code).toBe(0)
    server = await startServer(dataDir)
    await call('POST', '/api/auth/login', account)
    const [chat] = (await json('GET', '/api/sessions')).items
    expect(chat.title).toBe('Kept in the store 云')
    expect((await json('GET', `/api/sessions/${chat.id}/messages`)).items[0].content).toBe('Kept?')
    expect(Buffer.from(await (await call('GET', image.url)).arrayBuffer()).toString('base64')).toBe(png)
    expect((await readdir(dataDir)).filter((file) => file.startsWith('restore'))).toEqual([])
  })

  it('is refused in words by a store that does not know the key or the bucket', async () => {
    const told = async (wrong) => {
      await call('PATCH', '/api/settings/system', wrong)
      return (await json('POST', '/api/backups/remote/test', {})).detail
    }
    await call('PATCH', '/api/settings/system', {
      backupS3Endpoint: address, backupS3Bucket: bucket, backupS3AccessKey: 'S3RVER', backupS3SecretKey: 'S3RVER',
      backupS3PathStyle: pathStyle,
      backupS3Local: true,
    })
    expect(await told({ backupS3AccessKey: 'wrong' })).toContain('does not know this access key')
    expect(await told({ backupS3AccessKey: 'S3RVER', backupS3Bucket: 'nowhere' })).toContain('There is no bucket nowhere')
  })
})
