import { Writable } from 'node:stream'
import { pino } from 'pino'
import type { Log } from '../../server/log.ts'

export interface LogLine {
  /** pino's: 50 is an error. */
  readonly level: number
  readonly msg: string
  readonly [name: string]: unknown
}

/** A log that tests read. */
export interface MemoryLog {
  readonly log: Log
  lines(): readonly LogLine[]
  clear(): void
}

export function openMemoryLog(): MemoryLog {
  const lines: LogLine[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString('utf8')) as LogLine)
      done()
    },
  })
  return {
    log: pino({ level: 'info' }, stream),
    lines: () => [...lines],
    clear: () => lines.splice(0),
  }
}
