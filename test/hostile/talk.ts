import net from 'node:net'
import type { Conversation } from './conversations.ts'
import type { Message } from './messages.ts'
import { type Reply, ReplyReader } from './replies.ts'

/** What came back over one connection. */
export interface Heard {
  readonly replies: readonly Reply[]
  /** All bytes as they came. */
  readonly raw: Buffer
  /** A whole request that got no answer, though the connection was not closed. */
  readonly unanswered: Message | undefined
  /** Why the replies could not be read to the end. */
  readonly failure: string | undefined
  readonly sentRequests: number
}

const answerMs = 30_000
/** Nobody says how long a server thinks about what is no request. */
const brokenMs = 300

export async function talk(port: number, conversation: Conversation): Promise<Heard> {
  const line = await connect(port)
  try {
    switch (conversation.manner) {
      case 'in turn':
        return await inTurn(line, conversation)
      case 'pipelined':
        return await atOnce(line, conversation)
      default:
        return await inPart(line, conversation)
    }
  } finally {
    line.socket.destroy()
  }
}

/** A connection, and what came over it. */
class Line {
  readonly socket: net.Socket
  readonly reader = new ReplyReader()
  readonly raw: Buffer[] = []
  isClosed = false
  #wake: () => void = () => undefined

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => {
      this.raw.push(bytes)
      this.reader.take(bytes)
      this.#wake()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.isClosed = true
      this.#wake()
    })
  }

  /** Until there are so many replies, or no more can come. False when the time is over. */
  async waitFor(replies: number, milliseconds: number): Promise<boolean> {
    const deadline = performance.now() + milliseconds
    while (
      this.reader.replies.length < replies &&
      !this.isClosed &&
      this.reader.failure === undefined
    ) {
      const left = deadline - performance.now()
      if (left <= 0) return false
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return true
  }

  heard(sentRequests: number, unanswered?: Message): Heard {
    const { replies, failure } = this.reader
    return { replies, raw: Buffer.concat(this.raw), unanswered, failure, sentRequests }
  }
}

function connect(port: number): Promise<Line> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.removeListener('error', reject)
      resolve(new Line(socket))
    })
  })
}

async function inTurn(line: Line, { messages }: Conversation): Promise<Heard> {
  let sent = 0
  for (const message of messages) {
    line.reader.expect(message.method)
    line.socket.write(withLocation(message.bytes, line.reader.replies))
    sent += 1
    const before = line.reader.replies.length
    const inTime = await line.waitFor(before + 1, message.isSound ? answerMs : brokenMs)
    if (!inTime) return line.heard(sent, message.isSound ? message : undefined)
    const closes = line.reader.replies.at(-1)?.headers.get('connection') === 'close'
    if (closes || line.isClosed || line.reader.failure !== undefined) break
  }
  return line.heard(sent)
}

async function atOnce(line: Line, { messages }: Conversation): Promise<Heard> {
  for (const message of messages) line.reader.expect(message.method)
  line.socket.write(Buffer.concat(messages.map(({ bytes }) => withLocation(bytes, []))))
  const areSound = messages.every(({ isSound }) => isSound)
  const inTime = await line.waitFor(messages.length, areSound ? answerMs : brokenMs)
  return line.heard(messages.length, areSound && !inTime ? messages[0] : undefined)
}

async function inPart(line: Line, conversation: Conversation): Promise<Heard> {
  const { manner, messages, sentBytes, patienceMs } = conversation
  for (const { method } of messages) line.reader.expect(method)
  const whole = Buffer.concat(messages.map(({ bytes }) => withLocation(bytes, [])))
  const part = whole.subarray(0, sentBytes)
  if (manner === 'slow') {
    const pause = Math.max(20, patienceMs / 50)
    const step = Math.ceil(part.byteLength / 50)
    for (let at = 0; at < part.byteLength && !line.isClosed; at += step) {
      line.socket.write(part.subarray(at, at + step))
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  } else {
    line.socket.write(part)
    if (manner === 'left lying') await line.waitFor(Number.POSITIVE_INFINITY, patienceMs)
    else await line.waitFor(messages.length, Math.min(20, patienceMs / 100))
  }
  if (patienceMs % 2 === 0) line.socket.resetAndDestroy()
  return line.heard(messages.length)
}

/** Uploads go on where the server said. */
function withLocation(bytes: Buffer, replies: readonly Reply[]): Buffer {
  const at = bytes.indexOf('$UPLOAD')
  if (at < 0) return bytes
  const location = replies.findLast(({ headers }) => headers.has('location'))?.headers
  const target = location?.get('location') ?? '/v2/open/new/blobs/uploads/none'
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(target), bytes.subarray(at + 7)])
}
