import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const setpriv = '/usr/bin/setpriv'

export interface DaemonOptions {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Standard output and standard error are appended here: a pipe that nobody reads fills up. */
  readonly logFile: string
  /** What the daemon is sent when the thread that started it is gone. */
  readonly orphanSignal?: 'KILL' | 'TERM'
}

/** A program that runs beside the tests and never outlives them. */
export interface Daemon extends AsyncDisposable {
  readonly pid: number
  readonly logFile: string
  /** Undefined while it runs. */
  readonly exitCode: () => number | NodeJS.Signals | undefined
  /** Sends the signal and waits for the end. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | NodeJS.Signals>
}

/** Starts a daemon; `setpriv`, where there is one, has the kernel end it together with this thread. */
export function startDaemon(options: DaemonOptions): Daemon {
  const log = openSync(options.logFile, 'a')
  const [program, args] = tiedToThisThread(options)
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  // Failing to start shows as an exit, too.
  child.on('error', () => {})
  const endWithUs = () => child.kill('SIGKILL')
  process.once('exit', endWithUs)
  child.once('exit', () => process.removeListener('exit', endWithUs))
  const end = (signal: NodeJS.Signals) => endChild(child, signal)
  return {
    pid: child.pid ?? -1,
    logFile: options.logFile,
    exitCode: () => exitOf(child),
    end,
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL')
    },
  }
}

function tiedToThisThread(options: DaemonOptions): [string, string[]] {
  if (!existsSync(setpriv)) return [options.program, [...options.args]]
  const signal = options.orphanSignal ?? 'KILL'
  return [setpriv, ['--pdeathsig', signal, options.program, ...options.args]]
}

function exitOf(child: ChildProcess): number | NodeJS.Signals | undefined {
  if (child.pid === undefined) return 127
  return child.exitCode ?? child.signalCode ?? undefined
}

async function endChild(child: ChildProcess, signal: NodeJS.Signals) {
  const ended = once(child, 'exit')
  const before = exitOf(child)
  if (before !== undefined) return before
  child.kill(signal)
  await ended
  return exitOf(child) ?? 0
}

/** Asks `isReady` until it says yes. Throws with the end of the log when the daemon ends instead. */
export async function waitUntilReady(
  daemon: Daemon,
  isReady: () => Promise<boolean>,
  timeoutSeconds: number,
): Promise<void> {
  const deadline = performance.now() + timeoutSeconds * 1000
  while (!(await isReady())) {
    const exit = daemon.exitCode()
    if (exit !== undefined) throw new Error(`it ended with ${exit}:\n${logTail(daemon)}`)
    if (performance.now() > deadline) {
      await daemon.end('SIGKILL')
      throw new Error(`not ready after ${timeoutSeconds} s:\n${logTail(daemon)}`)
    }
    await sleep(10)
  }
}

/** The last lines that a daemon wrote. */
export function logTail(daemon: Pick<Daemon, 'logFile'>): string {
  return readFileSync(daemon.logFile, 'utf8').split('\n').slice(-30).join('\n')
}
