import { parseBaseUrl } from './base-url.ts'
import { RegistryError } from './errors.ts'

/** A setting that is kept in the database and can be changed while the server runs. */
export interface SettingDefinition {
  readonly valueType: 'text' | 'integer' | 'boolean'
  readonly defaultValue: string
  readonly description: string
  /** For integers. */
  readonly min?: number
  readonly max?: number
}

/** Every setting by name, as ProGet's are called. */
export const settingDefinitions = {
  'Api.AllowPseudoKeys': {
    valueType: 'boolean',
    defaultValue: 'true',
    description: 'Whether user:password is taken wherever the API takes a key.',
  },
  'Audit.RetentionDays': {
    valueType: 'integer',
    defaultValue: '400',
    min: 1,
    max: 36_500,
    description: 'How long the audit keeps what happened.',
  },
  'Cleanup.GraceSeconds': {
    valueType: 'integer',
    defaultValue: '3600',
    min: 0,
    max: 31_536_000,
    description: 'How long clean-up leaves alone what a client was told to be there.',
  },
  'Cleanup.UploadHours': {
    valueType: 'integer',
    defaultValue: '24',
    min: 1,
    max: 8760,
    description: 'How long an upload may make no progress before it is purged.',
  },
  'Directories.RecheckMinutes': {
    valueType: 'integer',
    defaultValue: '15',
    min: 1,
    max: 1440,
    description:
      'How old the word of a directory about one of its users may be before it is asked again.',
  },
  'Directories.ConfirmedForHours': {
    valueType: 'integer',
    defaultValue: '24',
    min: 1,
    max: 8760,
    description:
      'How old it may be at most where the directory cannot be asked: then its users are refused.',
  },
  'Integrity.MegabytesPerSecond': {
    valueType: 'integer',
    defaultValue: '20',
    min: 0,
    max: 100_000,
    description: 'How fast the integrity job reads at most; 0: as fast as it can.',
  },
  'Jobs.HistoryDays': {
    valueType: 'integer',
    defaultValue: '90',
    min: 1,
    max: 3650,
    description: 'How long the runs of jobs and their logs are kept.',
  },
  'Sessions.IdleMinutes': {
    valueType: 'integer',
    defaultValue: '720',
    min: 1,
    max: 525_600,
    description: 'A session of the web pages that was not used for so long has ended.',
  },
  'Sessions.MaxHours': {
    valueType: 'integer',
    defaultValue: '720',
    min: 1,
    max: 8760,
    description: 'How long a session of the web pages lasts at most, from its login on.',
  },
  'Web.BaseUrl': {
    valueType: 'text',
    defaultValue: '',
    description:
      'The public address, as clients type it: https://registry.example.com. Empty: as each request says.',
  },
} as const satisfies Readonly<Record<string, SettingDefinition>>

export type SettingName = keyof typeof settingDefinitions

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingDefinitions, name)
}

/** The value as it is stored. Throws INVALID_FIELDS for one that the setting cannot have. */
export function parseSettingValue(name: SettingName, text: string): string {
  const definition: SettingDefinition = settingDefinitions[name]
  switch (definition.valueType) {
    case 'boolean': {
      const value = text.toLowerCase()
      if (value !== 'true' && value !== 'false') throw invalid(`${name} is true or false.`)
      return value
    }
    case 'integer':
      return parseInteger(name, definition, text)
    case 'text':
      if (/[\p{Cc}\p{Cs}]/u.test(text)) throw invalid(`${name} has no control characters.`)
      if (name === 'Web.BaseUrl' && parseBaseUrl(text) === undefined) {
        throw invalid(`${name} is http(s)://host[:port], without a path.`)
      }
      return text
  }
}

function parseInteger(name: string, { min = 0, max = 2 ** 31 }: SettingDefinition, text: string) {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return String(value)
  throw invalid(`${name} is a whole number from ${min} to ${max}.`)
}

function invalid(message: string): RegistryError {
  return new RegistryError('INVALID_FIELDS', message, { detail: [{ field: 'value', message }] })
}
