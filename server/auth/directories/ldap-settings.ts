import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { explainFilter } from './ldap-filter.ts'
import { SettingsReader } from './settings-reader.ts'

/** How to find users and groups in an LDAP directory. The bind password is kept apart, encrypted. */
export interface LdapSettings {
  readonly host: string
  readonly port: number
  /** `none` sends passwords as they are. */
  readonly security: 'none' | 'starttls' | 'ldaps'
  /** PEM; the only authorities that are trusted then. Null: those that Node knows. */
  readonly caCertificate: string | null
  /** Encrypted, but to whom is not known: anybody in between reads every password. */
  readonly dangerouslySkipCertificateCheck: boolean
  /** Who looks users up: a distinguished name, or what else the server binds. Null: nobody in particular. */
  readonly bindDn: string | null
  readonly userSearchBase: string
  /** `%s`: the user name, escaped. */
  readonly usersFilter: string
  /** Null: groups are not looked for. */
  readonly groupSearchBase: string | null
  /** `%s`: the user's distinguished name, or a group's where groups are nested. */
  readonly userGroupsFilter: string
  /** `search` asks for the groups of groups, `activeDirectory` has the server follow them. */
  readonly nestedGroups: 'none' | 'search' | 'activeDirectory'
  readonly userNameProperty: string
  readonly displayNameProperty: string
  readonly emailProperty: string
  readonly groupNameProperty: string
  /** What stays when a user is renamed or moved, and is never given to another; null: the name. */
  readonly uniqueIdProperty: string | null
  /** Whether bit 2 of `userAccountControl` (ACCOUNTDISABLE) forbids the user. */
  readonly disabledByAccountControl: boolean
  /** A user who matches it is forbidden. */
  readonly disabledFilter: string | null
  /** What may stand behind the name: `alice@corp.example`. */
  readonly domain: string | null
  /** What may stand in front of it: `CORP\alice`. */
  readonly netbiosName: string | null
  /** For a whole login: connecting, binding and searching. */
  readonly timeoutSeconds: number
}

/** What is taken for the settings that are not given; by kind of server. */
export const ldapPresets = {
  openLdap: {
    usersFilter: '(&(objectClass=inetOrgPerson)(uid=%s))',
    userGroupsFilter:
      '(|(&(objectClass=groupOfNames)(member=%s))(&(objectClass=groupOfUniqueNames)(uniqueMember=%s)))',
    nestedGroups: 'none',
    userNameProperty: 'uid',
    displayNameProperty: 'displayName',
    emailProperty: 'mail',
    groupNameProperty: 'cn',
    uniqueIdProperty: 'entryUUID',
    disabledByAccountControl: false,
  },
  activeDirectory: {
    usersFilter: '(&(objectCategory=person)(objectClass=user)(sAMAccountName=%s))',
    userGroupsFilter: '(&(objectClass=group)(member=%s))',
    nestedGroups: 'activeDirectory',
    userNameProperty: 'sAMAccountName',
    displayNameProperty: 'displayName',
    emailProperty: 'mail',
    groupNameProperty: 'cn',
    uniqueIdProperty: 'objectGUID',
    disabledByAccountControl: true,
  },
} as const satisfies Readonly<Record<string, Partial<LdapSettings>>>

const defaultPorts = { none: 389, starttls: 389, ldaps: 636 } as const

/** Throws INVALID_FIELDS with everything that is wrong; a broken filter with its parser's message. */
export function parseLdapSettings(input: unknown): LdapSettings {
  const read = new SettingsReader(input)
  const preset = ldapPresets.openLdap
  const security = read.choice('security', ['none', 'starttls', 'ldaps'])
  const settings: LdapSettings = {
    host: read.text('host', { maxLength: 255, explain: explainHost }),
    port: read.number('port', { min: 1, max: 65_535, default: defaultPorts[security] }),
    security,
    caCertificate: read.optionalText('caCertificate', {
      maxLength: 200_000,
      explain: explainCertificates,
    }),
    dangerouslySkipCertificateCheck: read.flag('dangerouslySkipCertificateCheck'),
    bindDn: read.optionalText('bindDn', { explain: explainBindName }),
    userSearchBase: read.text('userSearchBase', { explain: explainDn }),
    usersFilter: readFilter(read, 'usersFilter', preset.usersFilter),
    groupSearchBase: read.optionalText('groupSearchBase', { explain: explainDn }),
    userGroupsFilter: readFilter(read, 'userGroupsFilter', preset.userGroupsFilter),
    nestedGroups: read.choice('nestedGroups', ['none', 'search', 'activeDirectory']),
    userNameProperty: readProperty(read, 'userNameProperty', preset.userNameProperty),
    displayNameProperty: readProperty(read, 'displayNameProperty', preset.displayNameProperty),
    emailProperty: readProperty(read, 'emailProperty', preset.emailProperty),
    groupNameProperty: readProperty(read, 'groupNameProperty', preset.groupNameProperty),
    uniqueIdProperty: read.optionalText('uniqueIdProperty', { explain: explainProperty }),
    disabledByAccountControl: read.flag('disabledByAccountControl'),
    disabledFilter: read.optionalText('disabledFilter', {
      maxLength: 2000,
      explain: (text) => explainFilter(text, { value: false }),
    }),
    domain: read.optionalText('domain', { maxLength: 255, explain: explainDomain }),
    netbiosName: read.optionalText('netbiosName', { maxLength: 255, explain: explainDomain }),
    timeoutSeconds: read.number('timeoutSeconds', { min: 1, max: 30, default: 5 }),
  }
  checkTogether(read, settings)
  read.finish()
  return settings
}

function checkTogether(read: SettingsReader, settings: LdapSettings): void {
  const { security, caCertificate, dangerouslySkipCertificateCheck: skips } = settings
  if (security === 'none' && (caCertificate !== null || skips)) {
    read.problem('security', 'There is a certificate to check only with starttls or ldaps.')
  }
  if (caCertificate !== null && skips) {
    read.problem('dangerouslySkipCertificateCheck', 'With it, caCertificate means nothing.')
  }
}

function readFilter(read: SettingsReader, field: string, byDefault: string): string {
  return read.text(field, {
    default: byDefault,
    maxLength: 2000,
    explain: (text) => explainFilter(text, { value: true }),
  })
}

function readProperty(read: SettingsReader, field: string, byDefault: string): string {
  return read.text(field, { default: byDefault, explain: explainProperty })
}

/** RFC 4512, 1.4: a name or the numbers of an object identifier. */
function explainProperty(text: string): string | undefined {
  if (/^(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)$/.test(text)) return undefined
  return 'It must be the name of an attribute, such as uid.'
}

function explainHost(text: string): string | undefined {
  if (isIP(text) !== 0 || /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?$/.test(text)) {
    return undefined
  }
  return 'It must be a host name or an IP address, without ldap:// and port.'
}

function explainDn(text: string): string | undefined {
  return /^[^=]+=/.test(text) ? undefined : 'It must be a distinguished name: dc=example,dc=org.'
}

function explainBindName(text: string): string | undefined {
  // The client library takes a bare word for a mechanism of authentication.
  return /[=@\\]/.test(text)
    ? undefined
    : 'It must be a distinguished name, user@domain or DOMAIN\\user.'
}

function explainDomain(text: string): string | undefined {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) ? undefined : 'It must be the name of a domain.'
}

function explainCertificates(text: string): string | undefined {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
  if (blocks === null) return 'It must be a certificate in PEM: -----BEGIN CERTIFICATE-----.'
  try {
    for (const block of blocks) new X509Certificate(block)
    return undefined
  } catch (error) {
    return `A certificate cannot be read: ${error instanceof Error ? error.message : 'not X.509'}.`
  }
}
