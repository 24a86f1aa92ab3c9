import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A network between a browser and a server. Cutting it drops all open connections and the data in transit. */
export interface Wire {
  url: string
  cut(): void
  mend(): void
  close(): void
}

export async function startWire(port: number): Promise<Wire> {
  const sockets = new Set<Socket>()
  let whole = true
  const hang = () => sockets.forEach((socket) => socket.destroy())
  const server = createServer((near) => {
    if (!whole) return near.destroy()
    const far = connect(port, '127.0.0.1')
    for (const [one, other] of [[near, far], [far, near]] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
    return near
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      whole = false
      hang()
    },
    mend: () => {
      whole = true
    },
    close: () => {
      server.close()
      hang()
    },
  }
}
