import { parseArgs } from 'node:util'
import { suggest } from '../config/nearest.ts'
import { findSetting, settingNames } from '../config/settings.ts'
import { readConfig } from '../config.ts'
import { RegistryError } from '../domain/errors.ts'
import {
  type Action,
  type Command,
  type ParseOptions,
  type Terminal,
  type Typed,
  usageError,
} from './command.ts'
import { commands } from './table.ts'
import { processTerminal } from './terminal.ts'
import { formatCommandHelp, formatOverview } from './usage.ts'

/** Exit statuses. */
const done = 0
const failed = 1
const misused = 2

/** Settings whose flag may be repeated. */
const lists = new Set<string>(settingNames.filter((name) => findSetting(name).list === true))

/**
 * Runs what was typed after `entrepot` and returns the exit status: 0 done, 1 refused or failed,
 * 2 not understood (the command, its options or the configuration).
 */
export async function runCommandLine(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const command = findCommand(args)
  if (command === undefined) return overview(args, terminal)
  const rest = args.slice(command.words.split(' ').length)
  const prepared = prepare(command, rest, terminal)
  return typeof prepared === 'number' ? prepared : await run(prepared, terminal)
}

function findCommand(args: readonly string[]): Command | undefined {
  if (args[0] === '--version' || args[0] === '-v') return findCommand(['version'])
  return commands.find(({ words }) => words === args.slice(0, words.split(' ').length).join(' '))
}

/** No command, or none that we know: `entrepot`, `entrepot feed --help`, `entrepot fed list`. */
function overview(args: readonly string[], { print, note }: Terminal): number {
  const asksForHelp = args.some((arg) => ['--help', '-h', 'help'].includes(arg))
  const words = args.filter((arg) => !arg.startsWith('-') && arg !== 'help')
  const [noun = ''] = words
  const ofNoun = commands.filter(({ words }) => words.startsWith(`${noun} `))
  if (args.length === 0 || (asksForHelp && words.length === 0)) {
    print(formatOverview(commands))
    return done
  }
  if (asksForHelp && ofNoun.length > 0) {
    print(formatOverview(ofNoun))
    return done
  }
  const typed = words.slice(0, 2).join(' ')
  const hint =
    suggest(
      typed,
      commands.map((command) => command.words),
    ) ||
    suggest(
      noun,
      commands.map((command) => command.words),
    )
  note(
    ofNoun.length > 0 && words.length === 1
      ? formatOverview(ofNoun)
      : `entrepot: unknown command "${typed || args[0]}"${hint}. entrepot --help lists the commands.`,
  )
  return misused
}

interface Prepared {
  readonly action: Action
  readonly config: Parameters<Action>[0]
}

/** Reads options and configuration; an exit status when there is nothing to run. */
function prepare(command: Command, args: readonly string[], terminal: Terminal): Prepared | number {
  try {
    const typed = parse(command, args)
    if (typed.values.help === true) {
      terminal.print(formatCommandHelp(command))
      return done
    }
    checkOperands(command, typed)
    const action = command.read(typed)
    return { action, config: configFor(command, typed) }
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    terminal.note(`entrepot ${command.words}: ${error.message}`)
    return misused
  }
}

function parse(command: Command, args: readonly string[]): Typed {
  const options: ParseOptions = { help: { type: 'boolean', short: 'h' } }
  for (const [name, { type, multiple = false }] of Object.entries(command.options)) {
    options[name] = { type, multiple }
  }
  if (command.settings !== null) {
    for (const name of [...settingNames, 'config'])
      options[name] ??= { type: 'string', multiple: lists.has(name) }
  }
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    return { values, operands: positionals }
  } catch (cause) {
    const [reason = ''] = (cause instanceof Error ? cause.message : String(cause)).split('. ')
    const [, flag] = /'(--[^' ]+)/.exec(reason) ?? []
    const hint =
      flag === undefined
        ? ''
        : suggest(
            flag,
            Object.keys(options).map((name) => `--${name}`),
          )
    throw usageError(`${reason}${hint}. entrepot ${command.words} --help lists the options.`)
  }
}

function checkOperands({ words, operands }: Command, typed: Typed) {
  const missing = operands[typed.operands.length]
  if (missing !== undefined)
    throw usageError(`${missing} is missing: entrepot ${words} ${operands.join(' ')}`)
  const extra = typed.operands[operands.length]
  if (extra !== undefined) throw usageError(`"${extra}" is too much.`)
}

function configFor({ settings }: Command, { values }: Typed): Prepared['config'] {
  if (settings === null) return readConfig({ env: {}, readFile: readNothing })
  const flags = Object.fromEntries(
    [...settingNames, 'config'].map((name) => {
      const value = values[name]
      return [
        name,
        typeof value === 'string' ? value : Array.isArray(value) ? value.join(',') : undefined,
      ]
    }),
  )
  return readConfig({ flags })
}

function readNothing(): never {
  throw Object.assign(new Error('not read'), { code: 'ENOENT' })
}

async function run({ action, config }: Prepared, terminal: Terminal): Promise<number> {
  try {
    await action(config, terminal)
    return done
  } catch (error) {
    const isRefusal = error instanceof RegistryError
    const told = isRefusal ? error.message : error instanceof Error ? error.stack : String(error)
    terminal.note(`entrepot: ${told}`)
    return failed
  }
}
