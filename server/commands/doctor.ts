import { readFileSync } from 'node:fs'
import type { CheckResult, DoctorOrder, DoctorResult } from '../administration/doctor.ts'
import { parsePublicUrl, parseSize } from '../config/parsers.ts'
import { settingNames } from '../config/settings.ts'
import { RegistryError } from '../domain/errors.ts'
import {
  type Command,
  choiceOf,
  isOn,
  json,
  type Option,
  type Typed,
  textOf,
  usageError,
} from './command.ts'

const names = [
  ...['settings', 'folders', 'disk', 'database', 'stores', 'blobs', 'quotas', 'backups'],
  ...['clock', 'address', 'push'],
] as const
const mebibyte = 1024 * 1024
const mostBodyBytes = 1024 * mebibyte

const options = {
  only: {
    type: 'string',
    sample: 'NAMES',
    help: `Of ${names.join(', ')}: these alone, separated by commas.`,
  },
  url: {
    type: 'string',
    sample: 'URL',
    help: 'The address that clients use, in place of the configured one.',
  },
  ca: {
    type: 'string',
    sample: 'FILE',
    help: 'An authority (PEM) that is trusted besides the usual ones.',
  },
  body: {
    type: 'string',
    sample: 'SIZE',
    help: 'How large a body is sent through the public address. Default: 2MiB, at most 1GiB.',
  },
  deep: {
    type: 'boolean',
    help: 'Read the whole database and the bytes of every layer, however long it takes.',
  },
  bundle: {
    type: 'string',
    sample: 'FILE',
    help: 'Write what somebody who helps needs to know, without secrets: a new file, .tar.gz.',
  },
  json,
} as const satisfies Readonly<Record<string, Option>>

/** Looks at everything that keeps a server from working, and says what to do. */
export const doctorCommand: Command = {
  words: 'doctor',
  operands: [],
  summary: 'Look for what keeps the server of these settings from working, and say what to do.',
  options,
  settings: settingNames,
  read: (typed) => {
    const asked = readOrder(typed)
    return async (config, terminal) => {
      const { examineNow } = await import('../administration/doctor.ts')
      const isJson = isOn(typed, 'json')
      const result = await examineNow(config, {
        ...asked,
        onBegin: (check) => terminal.note(`${check} …`),
        onFound: (check, findings) => {
          if (!isJson && findings.length > 0) terminal.print(formatResult({ check, findings }))
        },
      })
      if (asked.bundle !== null)
        terminal.note(`Written: ${asked.bundle}. Look through it before you send it.`)
      terminal.print(isJson ? JSON.stringify(result, null, 2) : summaryOf(result))
      if (result.status === 'error') {
        throw new RegistryError('UNAVAILABLE', 'Something must be mended: it is named above.')
      }
    }
  },
}

function readOrder(typed: Typed): Omit<DoctorOrder, 'onBegin' | 'onFound'> {
  const only = textOf(typed, 'only')
  const url = textOf(typed, 'url')
  const ca = textOf(typed, 'ca')
  const body = textOf(typed, 'body')
  return {
    only: only?.split(',').map((each) => choiceOf('only', each.trim(), names)) ?? null,
    url: url === undefined ? null : parsed('--url', url, parsePublicUrl),
    ca: ca === undefined ? null : readCa(ca),
    bodyBytes: body === undefined ? 2 * mebibyte : bodyOf(body),
    isDeep: isOn(typed, 'deep'),
    bundle: textOf(typed, 'bundle') ?? null,
  }
}

function parsed<T>(flag: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text)
  } catch (error) {
    throw usageError(`${flag} "${text}" ${(error as Error).message}`)
  }
}

function bodyOf(text: string): number {
  const bytes = parsed('--body', text, parseSize)
  if (bytes <= mostBodyBytes) return bytes
  throw usageError(`--body "${text}" is more than 1GiB.`)
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`--ca "${file}" cannot be read: ${(error as Error).message}`)
  }
}

/** A line a finding, and what to do below it. */
export function formatResult({ findings }: CheckResult): string {
  return findings
    .map(({ name, status, detail, remedy }) => {
      const line = `${status.padEnd(8)} ${name}: ${plain(detail)}`
      return remedy === null ? line : `${line}\n         → ${plain(remedy)}`
    })
    .join('\n')
}

/** What a terminal would obey is taken out: others may have said it. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?')
}

export function summaryOf({ results }: DoctorResult): string {
  const findings = results.flatMap((each) => each.findings)
  const count = (wanted: string) => findings.filter(({ status }) => status === wanted).length
  const parts = (['error', 'warning', 'skipped', 'ok'] as const)
    .map((status) => `${count(status)} ${status}`)
    .join(', ')
  return `${findings.length} things looked at: ${parts}`
}
