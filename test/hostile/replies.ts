export interface Reply {
  readonly status: number
  /** By lower-case name; of a repeated one the last. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

/** Reads the replies to requests of known methods off a connection. */
export class ReplyReader {
  readonly replies: Reply[] = []
  /** Why the rest cannot be read. */
  failure: string | undefined
  #rest: Buffer = Buffer.alloc(0)
  #methods: string[] = []

  expect(method: string): void {
    this.#methods.push(method)
  }

  take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes])
    while (this.failure === undefined && this.#readOne());
  }

  #readOne(): boolean {
    const end = this.#rest.indexOf('\r\n\r\n')
    if (end < 0) return false
    const [statusLine = '', ...lines] = this.#rest.subarray(0, end).toString('latin1').split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1])
    if (Number.isNaN(status)) {
      this.failure = `no status line: ${statusLine.slice(0, 100)}`
      return false
    }
    const headers = new Map(lines.map(readLine))
    const isInterim = status < 200
    const length = isInterim ? 0 : this.#lengthOf(status, headers)
    if (length === undefined || this.#rest.byteLength < end + 4 + length) return false
    const body = this.#rest.subarray(end + 4, end + 4 + length)
    this.#rest = this.#rest.subarray(end + 4 + length)
    if (isInterim) return true
    this.#methods.shift()
    this.replies.push({ status, headers, body })
    return true
  }

  #lengthOf(status: number, headers: ReadonlyMap<string, string>): number | undefined {
    if (this.#methods[0] === 'HEAD' || status === 204 || status === 304) return 0
    const length = Number(headers.get('content-length') ?? Number.NaN)
    if (Number.isSafeInteger(length)) return length
    this.failure = `a ${status} without a length: ${JSON.stringify([...headers])}`
    return undefined
  }
}

function readLine(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}
