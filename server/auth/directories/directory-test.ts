import { RegistryError } from '../../domain/errors.ts'
import type { DirectoryUser } from './directory-user.ts'
import { type LdapLogin, openLdapDirectory } from './ldap-directory.ts'
import type { LdapSettings } from './ldap-settings.ts'
import { openOidcDirectory } from './oidc-directory.ts'
import type { OidcSettings } from './oidc-settings.ts'
import { type Step, Steps } from './steps.ts'

/** What to try: nothing of it changes anything here. */
export type DirectoryTrial =
  | { readonly logIn: { readonly user: string; readonly password: string } }
  | { readonly loadUser: string }
  | { readonly loadGroup: string }

/** How it went, step by step; the last step is the one that failed, if one did. */
export interface DirectoryTrialResult {
  readonly ok: boolean
  /** In a sentence; never a secret. */
  readonly message: string
  readonly steps: readonly Step[]
  /** As the directory describes the user. */
  readonly user: DirectoryUser | null
  /** Distinguished names of the groups that were looked for. */
  readonly groups: readonly string[]
}

/** Tries settings of an LDAP directory, saved or not, against the directory itself. */
export async function testLdapDirectory(
  directory: { readonly settings: LdapSettings; readonly bindPassword: string | null },
  trial: DirectoryTrial,
): Promise<DirectoryTrialResult> {
  const steps = new Steps({ listening: true })
  const ldap = openLdapDirectory(directory)
  return await reported(steps, async () => {
    if ('loadGroup' in trial) {
      const groups = await ldap.findGroup(trial.loadGroup, steps)
      const ok = groups.length > 0
      return { ok, message: ok ? 'The group is there.' : 'There is no such group.', groups }
    }
    if ('loadUser' in trial) return describe((await ldap.find(trial.loadUser, steps)) ?? 'unknown')
    const { user, password } = trial.logIn
    if (password === '') return { ok: false, message: 'An empty password is never tried.' }
    return describe(await ldap.logIn(user, password, steps))
  })
}

/** Asks a provider for its addresses; the rest takes a browser. */
export async function testOidcDirectory(directory: {
  readonly settings: OidcSettings
  readonly clientSecret: string | null
}): Promise<DirectoryTrialResult> {
  const steps = new Steps({ listening: true })
  return await reported(steps, async () => {
    await steps.run(
      { step: 'discover', sent: directory.settings.issuer },
      () => openOidcDirectory(directory).discover(),
      (address) => `browsers are sent to ${address}`,
    )
    return { ok: true, message: 'The provider answers.' }
  })
}

type Outcome = Pick<DirectoryTrialResult, 'ok' | 'message'> & Partial<DirectoryTrialResult>

function describe(login: LdapLogin): Outcome {
  if (login === 'unknown') return { ok: false, message: 'There is no such user.' }
  if (login === 'refused') return { ok: false, message: 'The directory refuses the password.' }
  const message = login.enabled ? 'The user may log in.' : 'The user is disabled.'
  return { ok: login.enabled, message, user: login }
}

async function reported(steps: Steps, work: () => Promise<Outcome>): Promise<DirectoryTrialResult> {
  try {
    const outcome = await work()
    return { steps: steps.list, user: null, groups: [], ...outcome }
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    return { ok: false, message: error.message, steps: steps.list, user: null, groups: [] }
  }
}
