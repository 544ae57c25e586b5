import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'

/** The connections and running requests of one server: measures them, and lets them end in peace. */
export interface Traffic {
  /** Must see every request before its handler does. */
  begin(req: IncomingMessage, res: ServerResponse): void
  /** What a request does, which may go on when its connection is gone; it must not reject. */
  work(promise: Promise<void>): void
  /** Whether a reply has begun on this connection. */
  hasReplyStarted(socket: Socket): boolean
  /** The raw connection from this client port, for TLS handshakes that failed. */
  findConnection(remotePort: number | undefined): Socket | undefined
  /**
   * Stops accepting, asks keep-alive clients to leave, and waits for running requests; those that
   * still run after `seconds` are cut. Resolves with their number.
   */
  drain(seconds: number): Promise<number>
}

/**
 * A client that got its last byte may need a moment to take it off the wire, and a request that is
 * on its way one to arrive.
 */
const lingerMs = 100
/** How long what was cut may take to notice. */
const cutWorkMs = 5_000

export function watchTraffic(
  server: Server,
  { log, metrics }: { log: Log; metrics: Metrics },
): Traffic {
  const connections = new Set<Socket>()
  const running = new Set<ServerResponse>()
  const working = new Set<Promise<void>>()
  const countBytes = createByteCount(metrics)
  let draining = false
  let whenIdle: () => void = () => undefined
  server.on('connection', (socket) => {
    connections.add(socket)
    socket.once('close', () => {
      connections.delete(socket)
      endWaiting(running, socket)
    })
  })
  const end = (res: ServerResponse) => {
    running.delete(res)
    if (!draining) return
    // A reply whose headers were out before the drain could not say `Connection: close`.
    setImmediate(() => server.closeIdleConnections())
    if (running.size === 0) whenIdle()
  }
  const untilIdle = async (deadline: number) => {
    const idle = new Promise<void>((resolve) => {
      whenIdle = resolve
    })
    if (running.size > 0) await within(idle, Math.max(0, deadline - performance.now()))
    return running.size === 0
  }
  const untilQuiet = async (closed: Promise<void>, deadline: number) => {
    while (await untilIdle(deadline)) {
      await within(closed, lingerMs)
      // A request may have come meanwhile, on a connection that was there: it ends in peace too.
      if (running.size === 0) return
    }
  }
  return {
    begin: (req, res) => {
      const startMs = performance.now()
      const { socket } = req
      running.add(res)
      if (draining) res.shouldKeepAlive = false
      res.once('close', () => {
        countBytes(socket)
        logRequest(log, req, res, performance.now() - startMs)
        end(res)
      })
    },
    hasReplyStarted: (socket) =>
      [...running].some((res) => res.req.socket === socket && res.headersSent),
    findConnection: (remotePort) =>
      [...connections].find((socket) => socket.remotePort === remotePort),
    work: (promise) => {
      working.add(promise)
      void promise.finally(() => working.delete(promise))
    },
    drain: async (seconds) => {
      draining = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const res of running) if (!res.headersSent) res.shouldKeepAlive = false
      await untilQuiet(closed, performance.now() + seconds * 1000)
      const cut = running.size
      for (const socket of connections) socket.destroy()
      await closed
      // Who lost its client still uses what is closed next.
      await within(Promise.allSettled(working), cutWorkMs)
      return cut
    },
  }
}

/**
 * Node tells only the reply whose turn it is that its connection has gone. Those of pipelined
 * requests that wait behind it would wait for ever, and hold what they have open.
 */
function endWaiting(running: ReadonlySet<ServerResponse>, socket: Socket) {
  for (const res of running) {
    if (res.req.socket !== socket || res.socket !== null || res.writableFinished) continue
    res.destroy()
    res.emit('close')
  }
}

function logRequest(log: Log, req: IncomingMessage, res: ServerResponse, ms: number) {
  const { method, url, socket } = req
  const status = res.headersSent ? res.statusCode : 0
  const complete = res.writableFinished
  log.debug(
    { method, url, status, complete, ms: Math.round(ms), peer: socket.remoteAddress },
    'request',
  )
}

/** Counts what a connection carried since it was last asked. */
function createByteCount(metrics: Metrics): (socket: Socket) => void {
  const counted = new WeakMap<Socket, { readonly read: number; readonly written: number }>()
  return (socket) => {
    const before = counted.get(socket) ?? { read: 0, written: 0 }
    const now = { read: socket.bytesRead, written: socket.bytesWritten }
    counted.set(socket, now)
    metrics.addBytes('in', Math.max(0, now.read - before.read))
    metrics.addBytes('out', Math.max(0, now.written - before.written))
  }
}

async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([promise, timeout])
  clearTimeout(timer)
}
