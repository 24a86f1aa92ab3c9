import { newDataDir, removeDataDir, setupCode, startServer, type Server } from '../journeys/binary'
import { startProvider, type Provider } from './provider'

export interface Place {
  server: Server
  provider: Provider
  key: string
  close(): Promise<void>
}

/** The real server with one model of each protocol (gpt and claude) and a key. */
export async function setUp(): Promise<Place> {
  const dataDir = await newDataDir()
  const [server, provider] = [await startServer(dataDir), await startProvider()]
  let cookie = ''
  const call = async (path: string, body: object) => {
    const response = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: server.url, Cookie: cookie },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    cookie ||= response.headers.getSetCookie().map((set) => set.split(';')[0]).join('; ')
    return (await response.json()) as Record<string, unknown>
  }
  await call('/api/auth/register', { username: 'lin', password: 'correct horse battery', setupCode })
  for (const [kind, model] of [['openai', 'gpt'], ['anthropic', 'claude']] as const) {
    const baseUrl = kind === 'openai' ? `${provider.url}/v1` : provider.url
    await call('/api/connections', {
      name: kind,
      provider: kind,
      baseUrl,
      authType: 'none',
      local: true,
      modelIds: [model],
      defaultCapabilities: { vision: true, tools: true },
    })
  }
  const { key } = await call('/api/keys', { name: 'clients' })
  return {
    server,
    provider,
    key: String(key),
    close: async () => {
      await server.stop()
      provider.close()
      await removeDataDir(dataDir)
    },
  }
}

export const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC'
