import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newDataDir, removeDataDir, setupCode, startServer } from '../journeys/binary'
import { protocols, startStandIn } from './standin.mjs'

/** The real server with one model of each protocol, named by it, and a key. */
export async function open() {
  const dataDir = await newDataDir()
  const folder = await mkdtemp(join(tmpdir(), 'aichat-clients-'))
  const [server, standIn] = [await startServer(dataDir), await startStandIn()]
  let cookie = ''
  const send = async (method, path, body) => {
    const response = await fetch(server.url + path, {
      method,
      headers: { 'Content-Type': 'application/json', Origin: server.url, Cookie: cookie },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    cookie ||= response.headers.getSetCookie().map((set) => set.split(';')[0]).join('; ')
    return response.json()
  }
  await send('POST', '/api/auth/register', { username: 'lin', password: 'correct horse battery', setupCode })
  await send('PATCH', '/api/settings/system', { requestsPerMinute: 0, maxRunsPerUser: 0 })
  for (const [name, { provider, base }] of Object.entries(protocols)) {
    await send('POST', '/api/connections', {
      name, provider, baseUrl: standIn.url + base, authType: 'none', local: true, modelIds: [name],
      defaultCapabilities: { vision: true, tools: true },
    })
  }
  const { key } = await send('POST', '/api/keys', { name: 'clients' })
  return {
    url: server.url,
    key,
    folder,
    asked: standIn.asked,
    close: async () => {
      standIn.close()
      await server.stop()
      await removeDataDir(dataDir)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
