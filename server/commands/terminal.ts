import { text } from 'node:stream/consumers'
import type { Terminal } from './command.ts'

/** The standard streams of the process. */
export function processTerminal(): Terminal {
  // `entrepot feed list | head -1` closes the pipe before all is written: no failure of ours.
  process.stdout.on('error', ignoreClosedPipe)
  return {
    print: (line) => void process.stdout.write(`${line}\n`),
    note: (line) => void process.stderr.write(`${line}\n`),
    readInput: async () => (await text(process.stdin)).replace(/\r?\n$/, ''),
  }
}

function ignoreClosedPipe(error: NodeJS.ErrnoException) {
  if (error.code !== 'EPIPE') throw error
}
