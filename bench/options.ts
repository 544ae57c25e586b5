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
  readonly help: boolean
}

export const usage = `npm run bench -- [--rows NAME,NAME] [--rounds 5] [--seconds 4] [--scale 1] [--folder DIR]

  --rows     only these rows
  --rounds   how often each is measured on each server, in turns; the median counts
  --seconds  how long a row that counts requests asks
  --scale    multiplies sizes and numbers: 0.05 is a quick look
  --folder   where the data goes (and is removed again); by default the temporary folder
  --profile  a folder for a CPU profile of Entrepot (*.cpuprofile, for the browser's developer tools)
`

export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      scale: { type: 'string', default: '1' },
      folder: { type: 'string', default: os.tmpdir() },
      profile: { type: 'string' },
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
    help: values.help,
  }
}

function positive(name: string, text: string): number {
  const number = Number(text)
  if (number > 0) return number
  throw new Error(`--${name} must be a number above 0, not "${text}"`)
}
