import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Names of rows; empty: all. */
  readonly rows: readonly string[]
  readonly rounds: number
  /** How long a row that counts requests asks. */
  readonly seconds: number
  /** Sizes and numbers of things are multiplied with it. */
  readonly scale: number
  /** Where the servers' data goes: on the disk that is to be measured. */
  readonly folder: string
  /** Where the server's CPU profile goes; undefined: none is taken. */
  readonly profile: string | undefined
  /** The file of the report for machines, `-` for the standard output; undefined: none. */
  readonly json: string | undefined
  /** The table as Markdown, for docs/performance.md. */
  readonly markdown: boolean
  readonly help: boolean
}

export const usage = `npm run bench -- [--rows NAME,NAME] [--rounds 5] [--seconds 4] [--scale 1] [--folder DIR] [--json [FILE]] [--markdown]

  --rows     only these rows
  --rounds   how often each is measured on each server, in turns; the median counts
  --seconds  how long a row that counts requests asks
  --scale    multiplies sizes and numbers: 0.05 is a quick look
  --folder   where the data goes (and is removed again); by default the temporary folder
  --profile  a folder for a CPU profile of Entrepot (*.cpuprofile, for the browser's developer tools)
  --json     every sample, the machine and the versions as JSON: into a file beside the table, or,
             without a name, to the standard output instead of it
  --markdown the table in Markdown
`

export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: withJsonTarget(args),
    options: {
      rows: { type: 'string', default: '' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      scale: { type: 'string', default: '1' },
      folder: { type: 'string', default: os.tmpdir() },
      profile: { type: 'string' },
      json: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  return {
    rows: values.rows.split(',').filter((name) => name !== ''),
    rounds: positive('rounds', values.rounds),
    seconds: positive('seconds', values.seconds),
    scale: positive('scale', values.scale),
    folder: path.resolve(values.folder),
    profile: values.profile === undefined ? undefined : path.resolve(values.profile),
    json: values.json,
    markdown: values.markdown,
    help: values.help,
  }
}

/** `--json` may stand alone, which `parseArgs` knows no word for. */
function withJsonTarget(args: readonly string[]): string[] {
  return args.map((arg, index) => {
    const next = args[index + 1]
    return arg === '--json' && (next === undefined || next.startsWith('--')) ? '--json=-' : arg
  })
}

function positive(name: string, text: string): number {
  const number = Number(text)
  if (number > 0) return number
  throw new Error(`--${name} must be a number above 0, not "${text}"`)
}
