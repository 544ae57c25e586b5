import { spawn } from 'node:child_process'

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Both, in the order of arrival: for messages of failed expectations. */
  readonly output: string
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly input?: string
  readonly timeoutSeconds?: number
  /** Kills it, as a user does who has no more patience: its code is null then. */
  readonly signal?: AbortSignal
  /** What it hears then; usually SIGKILL. */
  readonly killSignal?: NodeJS.Signals
}

/** Runs a program to its end. A failure is a result, not an error; not being found is an error. */
export function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: (options.timeoutSeconds ?? 60) * 1000,
      killSignal: 'SIGKILL',
    })
    const printed = { stdout: '', stderr: '', output: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        printed[name] += text
        printed.output += text
      })
    }
    options.signal?.addEventListener('abort', () => child.kill(options.killSignal ?? 'SIGKILL'))
    // A program that reads nothing may be gone before its input is written.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...printed }))
  })
}

/** Runs a program that has to succeed; returns what it printed on its standard output. */
export async function runSuccessfully(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await runCommand(program, args, options)
  if (result.code === 0) return result.stdout
  throw new Error(`${program} ${args.join(' ')} ended with ${result.code}:\n${result.output}`)
}
