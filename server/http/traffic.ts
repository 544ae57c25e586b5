import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { RequestSpans } from './request-spans.ts'
import { isV2, labelV2Route } from './route-label.ts'
import { remembering } from './v2/remember.ts'

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
  { log, metrics, spans }: { log: Log; metrics: Metrics; spans: RequestSpans | null },
): Traffic {
  const connections = new Set<Socket>()
  const running = new Set<ServerResponse>()
  const work = createWorkCount()
  const countBytes = createByteCount(metrics)
  const observeV2 = createV2Observer(metrics)
  let draining = false
  let whenIdle: () => void = () => undefined
  server.on('connection', (socket) => {
    connections.add(socket)
    socket.once('close', () => {
      connections.delete(socket)
      endWaiting(running, socket)
    })
  })
  const end = () => {
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
      res.on('close', () => {
        if (!running.delete(res)) return
        const ms = performance.now() - startMs
        countBytes(socket)
        if (spans === null) logRequest(log, req, res, ms)
        else spans.within(req, () => logRequest(log, req, res, ms))
        if (isV2(req.url)) observeV2(req, res, ms / 1000)
        end()
      })
    },
    hasReplyStarted: (socket) =>
      [...running].some((res) => res.req.socket === socket && res.headersSent),
    findConnection: (remotePort) =>
      [...connections].find((socket) => socket.remotePort === remotePort),
    work: work.begin,
    drain: async (seconds) => {
      draining = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const res of running) if (!res.headersSent) res.shouldKeepAlive = false
      await untilQuiet(closed, performance.now() + seconds * 1000)
      const cut = running.size
      for (const socket of connections) socket.destroy()
      await closed
      // Who lost its client still uses what is closed next.
      await within(work.untilDone(), cutWorkMs)
      return cut
    },
  }
}

/** Counts what runs: cheaper for every request than a set of its promises. */
function createWorkCount() {
  let running = 0
  let whenDone: () => void = () => undefined
  return {
    begin: (promise: Promise<void>) => {
      running += 1
      void promise.then(() => {
        running -= 1
        if (running === 0) whenDone()
      })
    },
    untilDone: () =>
      new Promise<void>((resolve) => {
        whenDone = resolve
        if (running === 0) resolve()
      }),
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

/** Counts requests on `/v2`; the others are counted by their routes. */
function createV2Observer(metrics: Metrics) {
  const labelOf = remembering(labelV2Route)
  return (req: IncomingMessage, res: ServerResponse, seconds: number) => {
    metrics.observeRequest({
      route: labelOf(req.url ?? ''),
      method: req.method ?? '',
      // 499: the client left before there was an answer, as proxies count it.
      status: res.headersSent ? res.statusCode : 499,
      seconds,
    })
  }
}

/** Counts what a connection carried since it was last asked. */
function createByteCount(metrics: Metrics): (socket: Socket) => void {
  const counted = new WeakMap<Socket, { read: number; written: number }>()
  return (socket) => {
    let before = counted.get(socket)
    if (!before) {
      before = { read: 0, written: 0 }
      counted.set(socket, before)
    }
    const { bytesRead, bytesWritten } = socket
    metrics.addBytes('in', Math.max(0, bytesRead - before.read))
    metrics.addBytes('out', Math.max(0, bytesWritten - before.written))
    before.read = bytesRead
    before.written = bytesWritten
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
