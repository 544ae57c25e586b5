import { formatSettingsHelp } from '../config/help.ts'
import type { Command } from './command.ts'

/** What `entrepot` alone prints, or `entrepot feed` for one noun. */
export function formatOverview(commands: readonly Command[]): string {
  const heads = commands.map(headOf)
  const width = Math.max(...heads.map((head) => head.length))
  const lines = commands.map(
    ({ summary }, index) => `  ${(heads[index] ?? '').padEnd(width)}  ${summary}`,
  )
  return [
    'Entrepot, a private Docker/OCI registry server.',
    '',
    'Usage: entrepot COMMAND [options]',
    '',
    ...lines,
    '',
    'entrepot COMMAND --help tells the options of a command.',
  ].join('\n')
}

export function formatCommandHelp(command: Command): string {
  const options = Object.entries(command.options).map(([name, { sample, help }]) =>
    [`  --${name}${sample === undefined ? '' : ` ${sample}`}`, `        ${help}`].join('\n'),
  )
  return [
    `Usage: entrepot ${headOf(command)} [options]`,
    '',
    command.summary,
    ...(options.length === 0 ? [] : ['', 'Options:', ...options]),
    ...(command.settings === null ? [] : ['', settingsHead, formatSettingsHelp(command.settings)]),
  ].join('\n')
}

const settingsHead =
  'Settings, also as variables (--data-dir: ENTREPOT_DATA_DIR, or ENTREPOT_DATA_DIR_FILE for a file\n' +
  'that holds the value) and in the configuration file (data-dir: …):'

function headOf({ words, operands }: Command): string {
  return [words, ...operands].join(' ')
}
