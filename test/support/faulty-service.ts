import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from './random.ts'

const faults = [
  'busy',
  'reset before',
  'reset after',
  'slow',
  'truncated',
  'not there yet',
] as const
export type Fault = (typeof faults)[number]

/** A service as a bad day makes it: some requests fail, before or after it has heard them. */
export interface FaultyService extends AsyncDisposable {
  readonly url: string
  /** How many of all requests fail from now on, from 0 to 1, and what decides which. */
  setRate(rate: number, random: Random): void
  /** How often each has happened. */
  readonly counts: ReadonlyMap<Fault, number>
}

export async function openFaultyService(port: number, seeded: Random): Promise<FaultyService> {
  let rate = 0
  let random = seeded
  const counts = new Map<Fault, number>()
  const written = new Map<string, number>()
  const server = http.createServer((req, res) => {
    const fault = random.chance(rate) ? random.pick(faults) : undefined
    if (fault !== undefined) counts.set(fault, (counts.get(fault) ?? 0) + 1)
    const path = (req.url ?? '').split('?')[0] ?? ''
    if (req.method === 'PUT' || req.method === 'POST') written.set(path, performance.now())
    void answer(req, res, { port, fault, isFresh: isFresh(written.get(path)) }).catch(() => {
      res.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port: ownPort } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${ownPort}`,
    setRate(next, from) {
      rate = next
      random = from
    },
    counts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Written so lately that a service may not show it yet. */
function isFresh(writtenAt: number | undefined): boolean {
  return writtenAt !== undefined && performance.now() - writtenAt < 300
}

interface Treatment {
  readonly port: number
  readonly fault: Fault | undefined
  readonly isFresh: boolean
}

async function answer(req: IncomingMessage, res: ServerResponse, how: Treatment): Promise<void> {
  const { fault } = how
  if (fault === 'reset before') {
    req.socket.destroy()
    return
  }
  if (fault === 'busy') return refuse(req, res, 503)
  if (fault === 'slow') await sleep(300)
  const isRead = req.method === 'GET' || req.method === 'HEAD'
  if (fault === 'not there yet' && isRead && how.isFresh) return refuse(req, res, 404)
  const reply = await forward(req, how.port)
  if (fault === 'reset after') {
    reply.resume()
    await new Promise((resolve) => reply.once('end', resolve))
    req.socket.destroy()
    return
  }
  res.writeHead(reply.statusCode ?? 502, reply.rawHeaders)
  if (fault === 'truncated') {
    reply.once('data', (piece: Buffer) => {
      res.write(piece.subarray(0, Math.floor(piece.length / 2)), () => req.socket.destroy())
      reply.destroy()
    })
    reply.once('end', () => res.end())
    return
  }
  reply.pipe(res)
}

async function refuse(req: IncomingMessage, res: ServerResponse, status: number): Promise<void> {
  req.resume()
  await new Promise((resolve) => req.once('end', resolve))
  res.writeHead(status, { 'content-length': 0 }).end()
}

function forward(req: IncomingMessage, port: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, url, rawHeaders } = req
    const sent = http.request({ host: '127.0.0.1', port, method, path: url, headers: rawHeaders })
    sent.on('response', resolve)
    sent.on('error', reject)
    req.pipe(sent)
  })
}
