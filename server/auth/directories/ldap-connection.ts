import { Client, type Entry, type Filter, ResultCodeError } from 'ldapts'
import { RegistryError } from '../../domain/errors.ts'
import type { LdapSettings } from './ldap-settings.ts'
import { openLdapSocket, tooSlow } from './ldap-socket.ts'
import type { Steps } from './steps.ts'

export interface LdapSearch {
  readonly base: string
  /** `base`: the entry itself; `sub`: everything below it too. */
  readonly scope: 'base' | 'sub'
  readonly filter: Filter | string
  readonly attributes: readonly string[]
  /** Attributes whose values are bytes. */
  readonly bytes?: readonly string[]
  readonly limit: number
}

/** One connection, for one user's matters. Everything throws UNAVAILABLE, saying why. */
export interface LdapConnection extends Disposable {
  /** Whether the server accepts the password. Never asks with an empty one. */
  bind(dn: string, password: string): Promise<boolean>
  /** The entries, at most one more than `limit`. Referrals to other servers are not followed. */
  search(search: LdapSearch): Promise<readonly Entry[]>
}

export interface ConnectionRequest {
  readonly settings: LdapSettings
  readonly steps: Steps
  /** Aborted when all that is done for one login took too long. */
  readonly deadline: AbortSignal
}

/**
 * What a server answers to a password that is not to let anybody in: inappropriateAuthentication,
 * invalidCredentials, and what password policies add (constraintViolation, insufficientAccessRights,
 * unwillingToPerform). noSuchObject: the entry went away in between.
 */
const refusals = [19, 32, 48, 49, 50, 53]
const noSuchObject = 32

export async function openLdapConnection(request: ConnectionRequest): Promise<LdapConnection> {
  const { settings, deadline } = request
  const socket = await openLdapSocket(request)
  let used = false
  const client = new Client({
    url: 'ldap://directory.invalid',
    createConnection: () => {
      if (used) throw new Error('the connection ended')
      used = true
      return socket
    },
  })
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw deadline.aborted ? tooSlow(settings) : error
    }
  }
  return {
    bind: (dn, password) => ask(() => bind(client, dn, password)),
    search: (search) => ask(() => find(client, search, settings)),
    [Symbol.dispose]: () => {
      socket.destroy()
    },
  }
}

async function bind(client: Client, dn: string, password: string): Promise<boolean> {
  // RFC 4513, 5.1.2: a bind with a name and no password succeeds, whoever asks.
  if (password === '' || dn === '') return false
  try {
    await client.bind(dn, password)
    return true
  } catch (error) {
    if (error instanceof ResultCodeError && refusals.includes(error.code)) return false
    throw translate(error)
  }
}

async function find(
  client: Client,
  { base, scope, filter, attributes, bytes = [], limit }: LdapSearch,
  { timeoutSeconds }: LdapSettings,
): Promise<readonly Entry[]> {
  try {
    const { searchEntries } = await client.search(base, {
      scope,
      filter,
      attributes: [...attributes],
      explicitBufferAttributes: [...bytes],
      // Some servers answer no more than 1,000 entries at once.
      paged: limit > 500 ? { pageSize: 500 } : false,
      sizeLimit: limit > 500 ? 0 : limit + 1,
      timeLimit: timeoutSeconds,
    })
    return searchEntries
  } catch (error) {
    if (error instanceof ResultCodeError && error.code === noSuchObject && scope === 'base')
      return []
    throw translate(error)
  }
}

function translate(error: unknown): Error {
  if (error instanceof RegistryError) return error
  const why = error instanceof Error ? error.message.trim() : 'it failed'
  return new RegistryError('UNAVAILABLE', `The directory refuses: ${why}`, { cause: error })
}

/** The values of an attribute, as text; bytes as hexadecimal digits. */
export function valuesOf(entry: Entry, attribute: string): readonly string[] {
  const wanted = attribute.toLowerCase()
  const name = Object.keys(entry).find((key) => key.toLowerCase() === wanted)
  const value = name === undefined ? [] : (entry[name] ?? [])
  const values: readonly (string | Buffer)[] = Array.isArray(value) ? value : [value]
  return values.map((each) => (typeof each === 'string' ? each : each.toString('hex')))
}

export function firstValueOf(entry: Entry, attribute: string): string {
  return valuesOf(entry, attribute)[0] ?? ''
}
