import path from 'node:path'
import { isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { suggest } from './nearest.ts'
import { findSetting, type SettingName, settingNames, variableOf } from './settings.ts'

/** A value as somebody wrote it, and where. */
export interface Given {
  readonly text: string
  /** Flag, variable, or file, line and key: what a problem is reported under. */
  readonly origin: string
  /** What a relative path in it starts from. */
  readonly folder: string
}

export type GivenSettings = ReadonlyMap<SettingName, Given>
export type Variables = Readonly<Record<string, string | undefined>>
/** Reads a text file, as `readFileSync(file, 'utf8')`: throws ENOENT and the like. */
export type ReadFile = (file: string) => string
export type Report = (problem: string) => void

interface Place {
  readonly cwd: string
  readonly readFile: ReadFile
  readonly report: Report
}

const configVariable = 'ENTREPOT_CONFIG'
const defaultConfigFile = 'entrepot.yaml'
/** Passwords that a command takes from the environment, and no server has: `…_FILE` too. */
export const commandVariables = [
  'ENTREPOT_IMPORT_PASSWORD',
  'ENTREPOT_IMPORT_SOURCE_PASSWORD',
] as const
export type CommandVariable = (typeof commandVariables)[number]
const knownVariables = [...settingNames.map(variableOf), ...commandVariables]

/** What Kubernetes sets in every pod of a namespace that has a service named entrepot(-…). */
const serviceLink =
  /^ENTREPOT_(?:.+_)?(?:SERVICE_(?:HOST|PORT(?:_.+)?)|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/

export function readFlags(flags: Variables, { cwd }: Place): GivenSettings {
  const given = new Map<SettingName, Given>()
  for (const name of settingNames) {
    const text = flags[name]
    if (text !== undefined) given.set(name, { text, origin: `--${name}`, folder: cwd })
  }
  return given
}

/** The variables and what their `…_FILE` forms point to. An empty variable counts as absent. */
export function readVariables(env: Variables, place: Place): GivenSettings {
  const given = new Map<SettingName, Given>()
  for (const name of settingNames) {
    const value = readVariable(variableOf(name), env, place)
    if (value !== undefined) given.set(name, value)
  }
  for (const name of Object.keys(env)) reportUnknownVariable(name, place.report)
  return given
}

/** Undefined: it is not set. */
export function readCommandVariable(
  variable: CommandVariable,
  env: Variables,
  place: Place,
): string | undefined {
  return readVariable(variable, env, place)?.text
}

function readVariable(variable: string, env: Variables, place: Place): Given | undefined {
  const text = env[variable] ?? ''
  const file = env[`${variable}_FILE`] ?? ''
  if (text !== '' && file !== '') {
    place.report(`${variable}: is set, and so is ${variable}_FILE; set one of them`)
  }
  if (text !== '') return { text, origin: variable, folder: place.cwd }
  if (file === '') return undefined
  const origin = `${variable}_FILE (${file})`
  const content = readOrReport(path.resolve(place.cwd, file), origin, place)
  if (content === undefined) return undefined
  const line = content.replace(/\r?\n$/, '')
  if (line !== '') return { text: line, origin, folder: place.cwd }
  place.report(`${origin}: the file is empty`)
  return undefined
}

function reportUnknownVariable(name: string, report: Report) {
  if (!name.startsWith('ENTREPOT_') || name.startsWith('ENTREPOT_TEST_')) return
  const isKnown = knownVariables.includes(name.replace(/_FILE$/, '')) || name === configVariable
  if (isKnown || serviceLink.test(name)) return
  const hint = suggest(name, [...knownVariables, configVariable])
  report(`${name}: is not a setting${hint}`)
}

/** `--config`, else ENTREPOT_CONFIG, else `entrepot.yaml` in the working folder if there is one. */
export function readConfigFile(flags: Variables, env: Variables, place: Place): GivenSettings {
  const variable = env[configVariable] ?? ''
  const named = flags.config ?? (variable === '' ? undefined : variable)
  const file = path.resolve(place.cwd, named ?? defaultConfigFile)
  const origin = flags.config === undefined ? configVariable : '--config'
  const text =
    named === undefined
      ? readIfPresent(file, place)
      : readOrReport(file, `${origin} (${file})`, place)
  return text === undefined ? new Map() : parseConfigFile(file, text, place.report)
}

function parseConfigFile(file: string, text: string, report: Report): GivenSettings {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  for (const { message, pos } of document.errors) {
    report(`${file}:${lineCounter.linePos(pos[0]).line}: ${message}`)
  }
  const root: unknown = document.contents
  if (document.errors.length > 0 || root === null) return new Map()
  if (!isMap(root)) {
    report(`${file}: is not a list of "setting: value" lines`)
    return new Map()
  }
  const lineOf = (node: unknown) =>
    isScalar(node) ? lineCounter.linePos(node.range?.[0] ?? 0).line : 1
  return readEntries(root, (key) => `${file}:${lineOf(key)}`, {
    folder: path.dirname(file),
    report,
  })
}

function readEntries(
  root: YAMLMap,
  locate: (key: unknown) => string,
  { folder, report }: { folder: string; report: Report },
): GivenSettings {
  const given = new Map<SettingName, Given>()
  for (const { key, value } of root.items as Pair[]) {
    const word = isScalar(key) ? String(key.value) : String(key)
    const origin = `${locate(key)}: ${word}`
    const name = settingNames.find((candidate) => candidate === word)
    if (name === undefined) {
      report(`${origin}: is not a setting${suggest(word, settingNames)}`)
      continue
    }
    const text = findSetting(name).list === true ? readList(value) : readScalar(value)
    if (text === undefined) report(`${origin}: is not a plain value`)
    else if (text !== '') given.set(name, { text, origin, folder })
  }
  return given
}

/** The text as written: `0123` and `1e5` are no numbers here. Undefined unless it is plain. */
function readScalar(node: unknown): string | undefined {
  if (node === null) return ''
  if (!isScalar(node)) return undefined
  if (node.value === null || node.value === undefined) return ''
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
}

function readList(node: unknown): string | undefined {
  if (!isSeq(node)) return readScalar(node)
  const items = node.items.map(readScalar)
  return items.includes(undefined) ? undefined : items.join(',')
}

function readIfPresent(file: string, place: Place): string | undefined {
  try {
    return place.readFile(file)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') place.report(`${file}: cannot be read (${codeOf(error)})`)
    return undefined
  }
}

function readOrReport(file: string, origin: string, place: Place): string | undefined {
  try {
    return place.readFile(file)
  } catch (error) {
    const reason =
      codeOf(error) === 'ENOENT' ? 'there is no such file' : `cannot be read (${codeOf(error)})`
    place.report(`${origin}: ${reason}`)
    return undefined
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
