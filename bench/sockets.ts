import net from 'node:net'
import type { Sample } from './row.ts'
import { percentileOf } from './timing.ts'

export interface SocketLoad {
  readonly method: 'GET' | 'HEAD'
  readonly url: string
  readonly authorization: string | undefined
  readonly accept: string
  readonly connections: number
  readonly seconds: number
}

/**
 * Asks for one URL over and over on bare sockets; returns replies a second. It parses no more than
 * it must, so that the client is not what is measured. Only for replies with a Content-Length.
 */
export async function askOverSockets(load: SocketLoad): Promise<Sample> {
  const startedAt = performance.now()
  const until = startedAt + load.seconds * 1000
  const each = await Promise.all(
    Array.from({ length: load.connections }, () => askUntil(load, until)),
  )
  const eachMs = each.flat()
  const seconds = (performance.now() - startedAt) / 1000
  return {
    value: eachMs.length / seconds,
    p99Ms: percentileOf(eachMs, 99),
    besides: { p50Ms: percentileOf(eachMs, 50) },
  }
}

/** One connection; returns the milliseconds of each reply. */
function askUntil(load: SocketLoad, until: number): Promise<number[]> {
  const url = new URL(load.url)
  const request = Buffer.from(formatRequest(load, url), 'latin1')
  return new Promise((resolve, reject) => {
    const eachMs: number[] = []
    let askedAt = performance.now()
    let received = ''
    const socket = net.connect({ host: url.hostname, port: Number(url.port), noDelay: true })
    socket.setEncoding('latin1').on('data', (piece: string) => {
      received += piece
      const length = lengthOfReply(received, load.method)
      if (length === undefined || received.length < length) return
      if (!received.startsWith('HTTP/1.1 200') || received.length > length) {
        reject(new Error(`${load.method} ${load.url}: not one reply of 200:\n${received}`))
        socket.destroy()
        return
      }
      const now = performance.now()
      eachMs.push(now - askedAt)
      received = ''
      askedAt = now
      if (now < until) socket.write(request)
      else socket.end()
    })
    socket.on('error', reject)
    socket.on('close', () => {
      if (performance.now() >= until) resolve(eachMs)
      else reject(new Error(`${load.url}: closed before the end`))
    })
    socket.write(request)
  })
}

function formatRequest({ method, authorization, accept }: SocketLoad, url: URL): string {
  return [
    `${method} ${url.pathname} HTTP/1.1`,
    `Host: ${url.host}`,
    `Accept: ${accept}`,
    ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
    '\r\n',
  ].join('\r\n')
}

/** Undefined while the head goes on. */
function lengthOfReply(received: string, method: 'GET' | 'HEAD'): number | undefined {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  if (method === 'HEAD') return end + 4
  return end + 4 + Number(/^content-length: (\d+)/im.exec(received.slice(0, end))?.[1])
}
