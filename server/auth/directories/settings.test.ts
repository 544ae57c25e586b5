import { expect, test } from 'vitest'
import { RegistryError } from '../../domain/errors.ts'
import { explainFilter, filterText, memberInChain } from './ldap-filter.ts'
import { groupsFilter } from './ldap-groups.ts'
import { ldapPresets, parseLdapSettings } from './ldap-settings.ts'
import { parseReturnPath } from './login-state.ts'
import { userOfClaims } from './oidc-claims.ts'
import { parseOidcSettings } from './oidc-settings.ts'

const ldap = { host: 'ldap.example.org', userSearchBase: 'dc=example,dc=org' }
const oidc = { issuer: 'https://login.example.org/realms/corp', clientId: 'entrepot' }

function problemsOf(parse: () => unknown): unknown {
  try {
    parse()
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'INVALID_FIELDS') return error.detail
    throw error
  }
  return []
}

test('the defaults are those of OpenLDAP, and the ports those of the encryption', () => {
  expect(parseLdapSettings(ldap)).toMatchObject({
    ...{ port: 389, security: 'none', timeoutSeconds: 5, bindDn: null, nestedGroups: 'none' },
    usersFilter: '(&(objectClass=inetOrgPerson)(uid=%s))',
    userGroupsFilter:
      '(|(&(objectClass=groupOfNames)(member=%s))(&(objectClass=groupOfUniqueNames)(uniqueMember=%s)))',
  })
  expect(parseLdapSettings({ ...ldap, security: 'ldaps' }).port).toBe(636)
})

test('what is stored is read again as it was, presets too', () => {
  for (const preset of Object.values(ldapPresets)) {
    const settings = parseLdapSettings({ ...ldap, ...preset })
    expect(settings).toMatchObject(preset)
    expect(parseLdapSettings(JSON.parse(JSON.stringify(settings)))).toEqual(settings)
  }
  const settings = parseOidcSettings(oidc)
  expect(parseOidcSettings(JSON.parse(JSON.stringify(settings)))).toEqual(settings)
})

test.for([
  ['usersFilter', '(&(objectClass=person)(uid=%s)', 'Unbalanced parens'],
  ['usersFilter', '(uid=%s))', 'Unbalanced parens'],
  ['usersFilter', '(uid~%s)', 'Invalid expression'],
  ['usersFilter', '(&)(uid=%s)', 'Missing paren'],
  ['usersFilter', '(uid=%s\\zz)', 'Invalid escaped hex'],
  ['usersFilter', '(uid=alice)', 'must contain %s'],
  ['usersFilter', '(%s=alice)', 'Invalid attribute name: %s=alice'],
  ['usersFilter', '(uid%s=alice)', 'Invalid'],
  ['usersFilter', '(uid:%s:=alice)', 'must stand for a value'],
  ['usersFilter', '(&(uid=x)(%s=*))', 'Invalid attribute name'],
  ['userGroupsFilter', '(member', 'Unbalanced parens'],
  ['userGroupsFilter', '(!(member=%s)', 'Unbalanced parens'],
  ['userGroupsFilter', '(member=x)', 'must contain %s'],
  ['disabledFilter', '(a=%s)', 'must not contain %s'],
  ['disabledFilter', '(a=b', 'Unbalanced parens'],
  ['host', 'ldap://ldap.example.org', 'without ldap://'],
  ['host', '', 'missing'],
  ['port', 0, 'whole number'],
  ['security', 'tls', 'must be one of'],
  ['bindDn', 'PLAIN', 'distinguished name'],
  ['userSearchBase', 'people', 'distinguished name'],
  ['userNameProperty', 'uid)(x', 'name of an attribute'],
  ['caCertificate', 'no PEM', 'PEM'],
  [
    'caCertificate',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    'cannot be read',
  ],
  ['usrFilter', '(uid=%s)', 'no such setting'],
] as const)('LDAP, %s %j is refused', ([field, value, message]) => {
  const problems = problemsOf(() => parseLdapSettings({ ...ldap, [field]: value }))
  expect(problems).toContainEqual({ field, message: expect.stringContaining(message) })
})

test('all problems are told at once', () => {
  const problems = problemsOf(() => parseLdapSettings({ port: 'x', usersFilter: '(' }))
  expect(problems).toHaveLength(4)
})

test.for([
  ['(uid=%s)', 'alice', '(uid=alice)'],
  ['uid=%s', 'a*b', '(uid=a\\2ab)'],
  ['(uid=%s)', 'a)(uid=*', '(uid=a\\29\\28uid=\\2a)'],
  ['(uid=%s)', 'a\\b\0', '(uid=a\\5cb\\00)'],
  ['(|(uid=%s)(mail=%s))', '$&', '(|(uid=$&)(mail=$&))'],
  ['(uid=%s)', '%s', '(uid=%s)'],
] as const)('%s for %j', ([template, value, text]) => {
  expect(filterText(template, value)).toBe(text)
})

test('Active Directory follows groups in groups by its matching rule', () => {
  const settings = parseLdapSettings({ ...ldap, ...ldapPresets.activeDirectory })
  const filter = groupsFilter(settings, ['cn=Doe\\, Jane (x),dc=example'])
  expect(filter).toBe(
    `(&(objectClass=group)(member:${memberInChain}:=cn=Doe\\5c, Jane \\28x\\29,dc=example))`,
  )
  expect(explainFilter(filter, { value: false })).toBeUndefined()
})

test.for([
  ['issuer', 'http://login.example.org', 'https'],
  ['issuer', 'https://login.example.org/?a=b', 'without query'],
  ['issuer', 'https://user:pw@login.example.org', 'credentials'],
  ['issuer', 'login.example.org', 'address'],
  ['clientId', '', 'missing'],
  ['scopes', 'openid', 'list'],
  ['scopes', ['two words'], 'no spaces'],
  ['autoCreate', 'yes', 'true or false'],
] as const)('OpenID Connect, %s %j is refused', ([field, value, message]) => {
  const problems = problemsOf(() => parseOidcSettings({ ...oidc, [field]: value }))
  expect(problems).toContainEqual({ field, message: expect.stringContaining(message) })
})

test('plain http is for this machine, or said to be wanted', () => {
  for (const issuer of ['http://127.0.0.1:1/x', 'http://localhost', 'http://[::1]:8080']) {
    expect(parseOidcSettings({ ...oidc, issuer }).issuer).toBe(issuer)
  }
  const issuer = 'http://login.example.org'
  expect(parseOidcSettings({ ...oidc, issuer, dangerouslyAllowPlainHttp: true }).issuer).toBe(
    issuer,
  )
  expect(
    problemsOf(() => parseOidcSettings({ ...oidc, issuer: 'http://127.0.0.1.evil.org' })),
  ).toHaveLength(1)
})

test('claims become a user; groups that the provider tells elsewhere let nobody in', () => {
  const settings = parseOidcSettings({ ...oidc, allowedGroups: ['DEVS'] })
  const claims = { sub: '1', preferred_username: 'alice' }
  expect(userOfClaims({ ...claims, groups: '/devs' }, settings)).toMatchObject({
    ...{ externalId: 'sub=1', name: 'alice', groups: ['devs'], enabled: true },
  })
  expect(userOfClaims({ ...claims, groups: [1, 'ops'] }, settings)).toMatchObject({
    ...{ groups: ['ops'], enabled: false },
  })
  const elsewhere = { ...claims, _claim_names: { groups: 'src1' } }
  expect(() => userOfClaims(elsewhere, settings)).toThrow('too many')
  expect(() => userOfClaims({ sub: '1', preferred_username: 7 }, settings)).toThrow('user name')
})

test.for([
  ['/feeds/main?tab=2#x', '/feeds/main?tab=2#x'],
  ['/', '/'],
  [undefined, '/'],
  ['', '/'],
  ['feeds', '/'],
  ['//evil.example', '/'],
  ['///evil.example', '/'],
  ['/\\evil.example', '/'],
  ['/a\\..\\..//evil', '/'],
  ['/\t/evil.example', '/'],
  ['/x/..//evil.example', '/'],
  ['/.//evil.example', '/'],
  ['/%2f/evil.example', '/%2f/evil.example'],
  ['https://evil.example', '/'],
  ['javascript:alert(1)', '/'],
  ['/x\r\nset-cookie: a=b', '/'],
] as const)('the way back from %j is %s', ([given, path]) => {
  expect(parseReturnPath(given)).toBe(path)
})
