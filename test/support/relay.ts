import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands between a client and a server, and stops the bytes when they have come far enough. */
export interface Relay extends AsyncDisposable {
  /** `127.0.0.1:port`, as an image name begins with. */
  readonly host: string
  /**
   * From now on the first connection that has carried so many bytes to the server, or from it,
   * carries no more. Resolves when that has come.
   */
  readonly hold: (way: Way, afterBytes: number) => Promise<Held>
}

export type Way = 'to' | 'from'

/** A connection in the middle of something. */
export interface Held {
  /** Breaks it, as a bad network does. */
  readonly cut: () => void
}

interface Trap {
  readonly way: Way
  readonly afterBytes: number
  readonly spring: (held: Held) => void
}

export async function openRelay(serverPort: number): Promise<Relay> {
  const open = new Set<Socket>()
  let trap: Trap | undefined

  function keep(socket: Socket): void {
    open.add(socket)
    // A broken connection is what these tests are about.
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
  }

  function carry(source: Socket, target: Socket, way: Way): void {
    let bytes = 0
    source.on('data', (piece: Buffer) => {
      target.write(piece)
      bytes += piece.byteLength
      if (trap?.way === way && bytes >= trap.afterBytes) {
        const { spring } = trap
        trap = undefined
        source.pause()
        spring({ cut: () => void [source, target].map((socket) => socket.destroy()) })
      } else if (target.writableNeedDrain) {
        source.pause()
        target.once('drain', () => source.resume())
      }
    })
    source.on('close', () => target.destroy())
    source.on('end', () => target.end())
  }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port: serverPort, allowHalfOpen: true })
    keep(client)
    keep(upstream)
    carry(client, upstream, 'to')
    carry(upstream, client, 'from')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: (way, afterBytes) =>
      new Promise((spring) => {
        trap = { way, afterBytes, spring }
      }),
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
