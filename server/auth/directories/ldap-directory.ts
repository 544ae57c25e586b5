import type { Entry, Filter } from 'ldapts'
import { RegistryError } from '../../domain/errors.ts'
import type { DirectoryUser } from './directory-user.ts'
import {
  type ConnectionRequest,
  firstValueOf,
  type LdapConnection,
  openLdapConnection,
  valuesOf,
} from './ldap-connection.ts'
import { fillFilter, filterByAttribute, filterText } from './ldap-filter.ts'
import { findGroupNames } from './ldap-groups.ts'
import type { LdapSettings } from './ldap-settings.ts'
import { Steps } from './steps.ts'

/**
 * An LDAP directory. Everything ends within the settings' time and throws UNAVAILABLE, saying why,
 * where the directory cannot be asked.
 */
export interface LdapDirectory {
  logIn(userName: string, password: string, steps?: Steps): Promise<LdapLogin>
  /** By what people log in with. */
  find(userName: string, steps?: Steps): Promise<DirectoryUser | undefined>
  /** By the name that the directory gave the user, which need not be what people log in with. */
  findAgain(name: string): Promise<DirectoryUser | undefined>
  /** The distinguished names of groups of this name. */
  findGroup(name: string, steps?: Steps): Promise<readonly string[]>
}

/** `refused`: the directory knows the name, and the password is not that user's. */
export type LdapLogin = DirectoryUser | 'unknown' | 'refused'

export interface LdapDirectoryOptions {
  readonly settings: LdapSettings
  readonly bindPassword: string | null
}

const accountDisabled = 2

export function openLdapDirectory(options: LdapDirectoryOptions): LdapDirectory {
  const { settings } = options
  const connected = async <T>(
    steps: Steps,
    work: (connection: LdapConnection, request: ConnectionRequest) => Promise<T>,
  ): Promise<T> => {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), settings.timeoutSeconds * 1000)
    const request = { settings, steps, deadline: controller.signal }
    try {
      using connection = await openLdapConnection(request)
      await bindService(connection, options, steps)
      return await work(connection, request)
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    async logIn(userName, password, steps = new Steps()) {
      if (userName === '' || password === '') return 'refused'
      return await connected(steps, async (connection, request) => {
        const entry = await findEntry(connection, byLogin(settings, userName), request)
        if (entry === undefined) return 'unknown'
        const accepted = await isAccepted(entry.dn, password, request)
        return accepted ? await describe(connection, entry, request) : 'refused'
      })
    },
    find: (userName, steps = new Steps()) =>
      connected(steps, async (connection, request) => {
        const entry = await findEntry(connection, byLogin(settings, userName), request)
        return entry && (await describe(connection, entry, request))
      }),
    findAgain: (name) =>
      connected(new Steps(), async (connection, request) => {
        const entry = await findEntry(connection, byName(settings, name), request)
        return entry && (await describe(connection, entry, request))
      }),
    findGroup: (name, steps = new Steps()) =>
      connected(steps, (connection) => findGroup(connection, name, { settings, steps })),
  }
}

async function bindService(
  connection: LdapConnection,
  { settings, bindPassword }: LdapDirectoryOptions,
  steps: Steps,
): Promise<void> {
  const { bindDn } = settings
  if (bindDn === null) return
  await steps.run(
    { step: 'bind', sent: bindDn },
    async () => {
      if (await connection.bind(bindDn, bindPassword ?? '')) return
      throw new RegistryError('UNAVAILABLE', `The directory refuses the password of ${bindDn}.`)
    },
    () => 'accepted',
  )
}

interface EntrySearch {
  readonly filter: Filter
  /** For people. */
  readonly text: string
}

function byLogin({ usersFilter }: LdapSettings, userName: string): EntrySearch {
  return { filter: fillFilter(usersFilter, userName), text: filterText(usersFilter, userName) }
}

function byName({ usersFilter, userNameProperty }: LdapSettings, name: string): EntrySearch {
  const filter = filterByAttribute(usersFilter, userNameProperty, name)
  return { filter, text: filter.toString() }
}

/** The one entry; none if the filter finds several. */
async function findEntry(
  connection: LdapConnection,
  { filter, text }: EntrySearch,
  { settings, steps }: ConnectionRequest,
): Promise<Entry | undefined> {
  const { userSearchBase, uniqueIdProperty } = settings
  const attributes = [
    settings.userNameProperty,
    settings.displayNameProperty,
    settings.emailProperty,
    ...(uniqueIdProperty === null ? [] : [uniqueIdProperty]),
    ...(settings.disabledByAccountControl ? ['userAccountControl'] : []),
  ]
  const search = {
    base: userSearchBase,
    scope: 'sub',
    filter,
    attributes,
    bytes: /(?:guid|sid)$/i.test(uniqueIdProperty ?? '') ? [uniqueIdProperty ?? ''] : [],
    limit: 1,
  } as const
  const entries = await steps.run(
    { step: 'findUser', sent: `${text} below ${userSearchBase}` },
    () => connection.search(search),
    (found) => {
      if (found.length > 1) return 'several entries: the filter must find one'
      return found[0]?.dn ?? 'no entry'
    },
  )
  return entries.length === 1 ? entries[0] : undefined
}

/** On a connection of its own: on the first one, groups are still to be looked for. */
async function isAccepted(
  dn: string,
  password: string,
  request: ConnectionRequest,
): Promise<boolean> {
  return await request.steps.run(
    { step: 'checkPassword', sent: dn },
    async () => {
      using connection = await openLdapConnection({ ...request, steps: new Steps() })
      return await connection.bind(dn, password)
    },
    (accepted) => (accepted ? 'accepted' : 'refused'),
  )
}

async function describe(
  connection: LdapConnection,
  entry: Entry,
  { settings, steps }: ConnectionRequest,
): Promise<DirectoryUser> {
  const enabled = await steps.run(
    { step: 'checkEnabled', sent: settings.disabledFilter ?? entry.dn },
    async () =>
      !isDisabledAccount(entry, settings) && !(await isExcluded(connection, entry.dn, settings)),
    (result) => (result ? 'enabled' : 'disabled'),
  )
  const groups = await steps.run(
    { step: 'findGroups', sent: `groups of ${entry.dn} below ${settings.groupSearchBase ?? '-'}` },
    () => (enabled ? findGroupNames(connection, settings, entry.dn) : Promise.resolve([])),
    (names) => (names.length === 0 ? 'no groups' : names.join(', ')),
  )
  const { uniqueIdProperty: idProperty } = settings
  const id = idProperty === null ? '' : firstValueOf(entry, idProperty)
  return {
    externalId: id === '' ? entry.dn : `${idProperty}=${id}`,
    stableIdPrefix: id === '' ? null : `${idProperty}=`,
    name: firstValueOf(entry, settings.userNameProperty),
    displayName: firstValueOf(entry, settings.displayNameProperty),
    email: firstValueOf(entry, settings.emailProperty),
    groups,
    enabled,
  }
}

function isDisabledAccount(entry: Entry, settings: LdapSettings): boolean {
  if (!settings.disabledByAccountControl) return false
  const value = firstValueOf(entry, 'userAccountControl')
  // Without the attribute nobody knows: then the user is not let in.
  return !/^-?\d+$/.test(value) || (Number(value) & accountDisabled) !== 0
}

async function isExcluded(
  connection: LdapConnection,
  dn: string,
  { disabledFilter }: LdapSettings,
): Promise<boolean> {
  if (disabledFilter === null) return false
  const search = { base: dn, scope: 'base', filter: disabledFilter, attributes: ['1.1'] } as const
  return (await connection.search({ ...search, limit: 1 })).length > 0
}

async function findGroup(
  connection: LdapConnection,
  name: string,
  { settings, steps }: Pick<ConnectionRequest, 'settings' | 'steps'>,
): Promise<readonly string[]> {
  const { groupSearchBase: base, groupNameProperty } = settings
  if (base === null) throw new RegistryError('UNAVAILABLE', 'groupSearchBase is not set.')
  const filter = filterText(`(${groupNameProperty}=%s)`, name)
  const entries = await steps.run(
    { step: 'findGroup', sent: `${filter} below ${base}` },
    () =>
      connection.search({ base, scope: 'sub', filter, attributes: [groupNameProperty], limit: 20 }),
    (found) => found.map(({ dn }) => dn).join('; ') || 'no entry',
  )
  return entries
    .filter((entry) => valuesOf(entry, groupNameProperty).length > 0)
    .map(({ dn }) => dn)
}
