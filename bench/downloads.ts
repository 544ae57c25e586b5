import net from 'node:net'

export interface Download {
  readonly url: string
  readonly authorization: string | undefined
  readonly sizeBytes: number
  /** How often, one after another on one connection. */
  readonly times: number
}

const readBytes = 512 << 10

/**
 * Downloads over a bare socket into one buffer that is used again and again: the client shall not
 * be what is measured. Returns the milliseconds of each. Only for replies with a Content-Length.
 */
export function download(what: Download): Promise<number[]> {
  const url = new URL(what.url)
  const request = [
    `GET ${url.pathname} HTTP/1.1`,
    `Host: ${url.host}`,
    ...(what.authorization === undefined ? [] : [`Authorization: ${what.authorization}`]),
    '\r\n',
  ].join('\r\n')
  return new Promise((resolve, reject) => {
    const eachMs: number[] = []
    let askedAt = performance.now()
    const progress = { left: what.times, bodyLeft: 0, head: '' }
    const take = (bytes: number, buffer: Uint8Array): boolean => {
      try {
        const done = consume(progress, Buffer.from(buffer.buffer, buffer.byteOffset, bytes), what)
        if (!done) return true
        const now = performance.now()
        eachMs.push(now - askedAt)
        askedAt = now
        if (progress.left === 0) socket.end(() => resolve(eachMs))
        else socket.write(request)
      } catch (error) {
        socket.destroy()
        reject(error)
      }
      return true
    }
    const onread = { buffer: Buffer.allocUnsafe(readBytes), callback: take }
    const socket = net.connect({ host: url.hostname, port: Number(url.port), onread })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${what.url}: closed before the end`)))
    socket.write(request)
  })
}

interface Progress {
  left: number
  bodyLeft: number
  head: string
}

/** Counts what came; true when a whole reply is there. */
function consume(progress: Progress, bytes: Buffer, what: Download): boolean {
  const body = progress.bodyLeft > 0 ? bytes.byteLength : startBody(progress, bytes, what)
  if (body === undefined) return false
  progress.bodyLeft -= body
  if (progress.bodyLeft < 0) throw new Error(`${what.url}: more than was announced`)
  if (progress.bodyLeft > 0) return false
  progress.left -= 1
  return true
}

/** Reads the head; returns how much of the body came with it, undefined while the head goes on. */
function startBody(progress: Progress, bytes: Buffer, what: Download): number | undefined {
  const before = progress.head.length
  progress.head += bytes.toString('latin1')
  const end = progress.head.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = progress.head.slice(0, end)
  progress.head = ''
  const length = Number(/^content-length: (\d+)/im.exec(head)?.[1])
  if (!head.startsWith('HTTP/1.1 200') || length !== what.sizeBytes) {
    throw new Error(`${what.url}: not the ${what.sizeBytes} bytes asked for:\n${head}`)
  }
  progress.bodyLeft = length
  return bytes.byteLength - (end + 4 - before)
}
