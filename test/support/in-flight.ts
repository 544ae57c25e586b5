import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const established = '01'

/** Bytes between the clients and the server on this port that neither side's process holds. */
function bytesInFlight(port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let bytes = 0
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local = '', remote = '', state, queues = ''] = line.trim().split(/\s+/)
    if (state !== established || !(local.endsWith(suffix) || remote.endsWith(suffix))) continue
    const [sent = '0', received = '0'] = queues.split(':')
    bytes += Number.parseInt(sent, 16) + Number.parseInt(received, 16)
  }
  return bytes
}

/** Resolves when the server has taken all that was sent to it; throws when it does not in time. */
export async function waitUntilTaken(port: number, seconds = 20): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (bytesInFlight(port) > 0) {
    if (performance.now() > deadline) throw new Error('the server does not read what was sent')
    await sleep(20)
  }
}
