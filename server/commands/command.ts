import type { ParseArgsConfig } from 'node:util'
import { parseSize } from '../config/parsers.ts'
import type { SettingName } from '../config/settings.ts'
import type { Config } from '../config.ts'
import { RegistryError } from '../domain/errors.ts'

export interface Option {
  readonly type: 'boolean' | 'string'
  readonly multiple?: true
  /** What the value looks like; absent for a switch. */
  readonly sample?: string
  readonly help: string
}

/** One sub-command. */
export interface Command {
  /** `feed create`. */
  readonly words: string
  /** What follows the words: `NAME`. */
  readonly operands: readonly string[]
  readonly summary: string
  readonly options: Readonly<Record<string, Option>>
  /** The settings that its help lists; null when it needs no configuration. */
  readonly settings: readonly SettingName[] | null
  /** Reads what was typed. Throws REQUEST_INVALID for what makes no sense: exit status 2. */
  read(typed: Typed): Action
}

/** What was typed behind the words. */
export interface Typed {
  readonly operands: readonly string[]
  readonly values: Readonly<
    Record<string, string | boolean | readonly (string | boolean)[] | undefined>
  >
}

export interface Terminal {
  /** A line on the standard output: what a script wants to read. */
  print(text: string): void
  /** A line on the standard error: what only a person wants to read. */
  note(text: string): void
  /** All of the standard input, without its last line break. */
  readInput(): Promise<string>
}

/** Does it. A RegistryError is told in one line: exit status 1. */
export type Action = (config: Config, terminal: Terminal) => Promise<void>

export const json: Option = { type: 'boolean', help: 'Print JSON.' }

export type ParseOptions = NonNullable<ParseArgsConfig['options']>

export function textOf(typed: Typed, name: string): string | undefined {
  const value = typed.values[name]
  return typeof value === 'string' ? value : undefined
}

export function textsOf(typed: Typed, name: string): readonly string[] | undefined {
  const value = typed.values[name]
  if (!Array.isArray(value)) return undefined
  return value.filter((item): item is string => typeof item === 'string')
}

export function isOn(typed: Typed, name: string): boolean {
  return typed.values[name] === true
}

/** One of the choices. Throws REQUEST_INVALID, naming them. */
export function choiceOf<const T extends string>(
  name: string,
  text: string,
  choices: readonly T[],
): T {
  const choice = choices.find((candidate) => candidate === text)
  if (choice !== undefined) return choice
  throw usageError(`--${name} "${text}" is not one of ${choices.join(', ')}.`)
}

/** A whole number above 0. Throws REQUEST_INVALID. */
export function countOf(what: string, text: string): number {
  const count = /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : 0
  if (count > 0) return count
  throw usageError(`${what} "${text}" is not a whole number above 0.`)
}

/** Bytes as settings write them, or null for `none`. Throws REQUEST_INVALID. */
export function quotaOf(name: string, text: string): number | null {
  if (text === 'none') return null
  try {
    return parseSize(text)
  } catch {
    throw usageError(`--${name} "${text}" is neither a size, such as 50GB or 500MiB, nor none.`)
  }
}

export function usageError(message: string): RegistryError {
  return new RegistryError('REQUEST_INVALID', message)
}
