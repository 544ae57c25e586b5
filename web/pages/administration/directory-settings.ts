/** The settings of a directory that have a field of their own; others are in docs/directories.md. */
export interface SettingField {
  readonly name: string
  readonly label: string
  readonly about?: string
  readonly kind?: 'integer' | 'flag' | 'lines' | readonly string[]
  readonly required?: true
}

export const ldapFields: readonly SettingField[] = [
  { name: 'host', label: 'Host', required: true },
  { name: 'port', label: 'Port', about: '389, or 636 with ldaps.', kind: 'integer' },
  {
    name: 'security',
    label: 'Encryption',
    about: 'Without it passwords are sent as they are.',
    kind: ['ldaps', 'starttls', 'none'],
  },
  {
    name: 'caCertificate',
    label: 'Certificate authority',
    about: 'PEM. Only it is trusted then; empty: those that everybody knows.',
    kind: 'lines',
  },
  { name: 'bindDn', label: 'Name to look users up with', about: 'A distinguished name.' },
  { name: 'userSearchBase', label: 'Where users are', required: true },
  {
    name: 'usersFilter',
    label: 'Filter of users',
    about: '%s is the name; empty: (&(objectClass=inetOrgPerson)(uid=%s)).',
  },
  { name: 'groupSearchBase', label: 'Where groups are', about: 'Empty: no groups.' },
  {
    name: 'nestedGroups',
    label: 'Groups in groups',
    kind: ['none', 'search', 'activeDirectory'],
  },
  {
    name: 'uniqueIdProperty',
    label: 'Attribute that is never given to another',
    about: 'entryUUID or objectGUID: then a renamed user stays the same.',
  },
]

export const oidcFields: readonly SettingField[] = [
  {
    name: 'issuer',
    label: 'Issuer',
    about: 'As the provider’s /.well-known/openid-configuration has it.',
    required: true,
  },
  { name: 'clientId', label: 'Client id', required: true },
  { name: 'userNameClaim', label: 'Claim with the user name', about: 'Empty: preferred_username.' },
  { name: 'groupsClaim', label: 'Claim with the groups', about: 'Empty: groups.' },
  { name: 'autoCreate', label: 'Whoever the provider knows may come in', kind: 'flag' },
]

type Settings = Readonly<Record<string, unknown>>

/** What the fields show at first. */
export function fieldValues(fields: readonly SettingField[], settings: Settings) {
  return Object.fromEntries(
    fields.map(({ name, kind }) => {
      const value = settings[name]
      if (kind === 'flag') return [name, value !== false]
      return [name, value === undefined || value === null ? '' : String(value)]
    }),
  )
}

/** All settings again: those with fields as these say, the others as they were; empty: left out. */
export function settingsOf(
  fields: readonly SettingField[],
  settings: Settings,
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const changed: Record<string, unknown> = { ...settings }
  for (const { name, kind } of fields) {
    const value = values[name]
    if (value === '' || value === undefined) delete changed[name]
    else changed[name] = kind === 'integer' ? Number(value) : value
  }
  return changed
}
