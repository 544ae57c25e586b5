import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import path from 'node:path'
import { startDaemon, waitUntilReady } from './daemon.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

/** In a network of its own: whoever connects to the port gets the other side of the socket. */
const doorkeeper = `
const { connect, createServer } = require('node:net')
const [port, socket] = process.argv.slice(1)
createServer((caller) => {
  const called = connect(socket)
  for (const end of [caller, called]) end.on('error', () => { caller.destroy(); called.destroy() })
  caller.pipe(called).pipe(caller)
}).listen(Number(port), () => console.log('open'))
`

/**
 * Makes a port of the network that a process is in lead to a port of this machine's loopback. The way is
 * a socket in a folder: those are no network's.
 */
export async function openDoor(door: {
  readonly pid: number
  readonly port: number
  readonly leadsTo: number
}): Promise<AsyncDisposable> {
  const folder = makeTemporaryFolder('door')
  const socket = path.join(folder.path, 'sock')
  const server = createServer((caller) => {
    const called = connect(door.leadsTo, '127.0.0.1')
    for (const end of [caller, called]) {
      end.on('error', () => {
        caller.destroy()
        called.destroy()
      })
    }
    caller.pipe(called).pipe(caller)
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  const keeper = startDaemon({
    program: 'nsenter',
    args: [
      ...[`--net=/proc/${door.pid}/ns/net`, process.execPath, '--eval', doorkeeper],
      ...['--', `${door.port}`, socket],
    ],
    logFile: path.join(folder.path, 'log'),
  })
  const isOpen = async () => readFileSync(keeper.logFile, 'utf8').includes('open')
  await waitUntilReady(keeper, isOpen, 20)
  return {
    async [Symbol.asyncDispose]() {
      await keeper[Symbol.asyncDispose]()
      server.close()
      await folder[Symbol.asyncDispose]()
    },
  }
}
