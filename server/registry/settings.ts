import type { Db } from '../db/database.ts'
import { changeSetting, listSettings } from '../db/settings.ts'
import type { Actor } from '../domain/actor.ts'
import { RegistryError } from '../domain/errors.ts'
import {
  isSettingName,
  parseSettingValue,
  type SettingDefinition,
  type SettingName,
  settingDefinitions,
} from '../domain/setting.ts'

/** The settings that live in the database, as of at most a second ago. */
export interface Settings {
  /** Those that are not set, or hold what they cannot, are at their default. */
  text(name: SettingName): string
  integer(name: SettingName): number
  boolean(name: SettingName): boolean
  /** `Cleanup.GraceSeconds` in milliseconds: how long a promise to a client lasts. */
  graceMs(): number
  /** `Web.BaseUrl`, null when it is not set. */
  baseUrl(): string | null
  /** Reads them anew if they are older than a second; every request calls it first. */
  refresh(): Promise<void> | undefined
  /** Reads them anew at once. */
  reread(): Promise<void>
}

const maxAgeMs = 1000

export async function openSettings(db: Db, clock: () => number = Date.now): Promise<Settings> {
  let values = await listSettings(db.read)
  let readAt = clock()
  const text = (name: SettingName) => currentValue(values, name)
  const reread = async () => {
    readAt = clock()
    values = await listSettings(db.read)
  }
  return {
    text,
    integer: (name) => Number(text(name)),
    boolean: (name) => text(name) === 'true',
    graceMs: () => 1000 * Number(text('Cleanup.GraceSeconds')),
    baseUrl: () => values.get('Web.BaseUrl') ?? null,
    refresh: () => (Math.abs(clock() - readAt) < maxAgeMs ? undefined : reread()),
    reread,
  }
}

/** A setting as administrators see it. */
export interface SettingInfo extends SettingDefinition {
  readonly name: SettingName
  readonly value: string
  readonly isDefault: boolean
}

/** Every setting there is, by name, as it is stored now. */
export async function listSettingInfos({ db }: { readonly db: Db }): Promise<SettingInfo[]> {
  const values = await listSettings(db.read)
  return Object.keys(settingDefinitions)
    .filter(isSettingName)
    .sort()
    .map((name) => ({
      ...settingDefinitions[name],
      name,
      value: currentValue(values, name),
      isDefault: !values.has(name),
    }))
}

/**
 * Sets a setting; an empty value takes it back to its default. In this process it counts at once,
 * in others within a second. Throws INVALID_FIELDS for an unknown name or an impossible value.
 */
export async function setSettingValue(
  { db, settings, by }: { readonly db: Db; readonly settings: Settings; readonly by: Actor },
  { name, value }: { readonly name: string; readonly value: string },
): Promise<SettingInfo> {
  const known = Object.keys(settingDefinitions).find(
    (each) => each.toLowerCase() === name.toLowerCase(),
  )
  if (known === undefined || !isSettingName(known)) throw unknownSetting(name)
  const stored = value === '' ? null : parseSettingValue(known, value)
  await db.write(changeSetting, { name: known, value: stored, by })
  await settings.reread()
  return {
    ...settingDefinitions[known],
    name: known,
    value: settings.text(known),
    isDefault: stored === null,
  }
}

function currentValue(values: ReadonlyMap<string, string>, name: SettingName): string {
  const { defaultValue } = settingDefinitions[name]
  const stored = values.get(name)
  if (stored === undefined) return defaultValue
  try {
    return parseSettingValue(name, stored)
  } catch {
    return defaultValue
  }
}

function unknownSetting(name: string): RegistryError {
  const message = `There is no setting named "${name.slice(0, 100)}".`
  return new RegistryError('INVALID_FIELDS', message, { detail: [{ field: 'name', message }] })
}
