import type { Db } from '../../db/database.ts'
import { setDirectoryToken } from '../../db/directory-users.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { Encryption } from '../encrypted.ts'
import { type Confirmations, tokenOwner } from './confirmations.ts'
import { admitUser } from './directory-logins.ts'
import type { EnabledDirectories } from './enabled-directories.ts'
import {
  type LoginState,
  loginStateSeconds,
  openLoginState,
  parseReturnPath,
  sealLoginState,
} from './login-state.ts'
import type { Outages } from './outages.ts'

/** Logins of browsers with an OpenID Connect provider: authorization code with PKCE. */
export interface OidcLogins {
  /** The providers to offer, in order. */
  list(): Promise<readonly { readonly key: string; readonly name: string }[]>
  /** Throws NOT_FOUND if there is no such provider, UNAVAILABLE if it cannot be asked. */
  begin(input: BeginLogin): Promise<BegunLogin>
  /** Throws UNAUTHORIZED, saying why, for whatever must not let anybody in. */
  finish(input: FinishLogin): Promise<FinishedLogin>
}

export interface BeginLogin {
  readonly directoryKey: string
  /** The server's public address, without a slash at the end. */
  readonly baseUrl: string
  readonly returnPath: string | undefined
}

export interface BegunLogin {
  /** Where to send the browser. */
  readonly address: string
  /** For a cookie of this browser, HttpOnly, for so many seconds. */
  readonly sealedState: string
  readonly seconds: number
}

export interface FinishLogin {
  readonly directoryKey: string
  /** What the provider sent back with the browser, from the question mark on. */
  readonly query: string
  /** The cookie; undefined without one. */
  readonly sealedState: string | undefined
}

export interface FinishedLogin {
  readonly userId: number
  /** A path of this server. */
  readonly returnPath: string
}

export interface OidcLoginsOptions {
  readonly db: Db
  readonly directories: EnabledDirectories
  readonly outages: Outages
  readonly confirmations: Confirmations
  /** For stored refresh tokens. */
  readonly encryption: Encryption
  /** For the state that browsers keep. */
  readonly stateEncryption: Encryption
  readonly now: () => number
}

const quietMs = 5000

export function openOidcLogins(options: OidcLoginsOptions): OidcLogins {
  const { directories, outages, confirmations, stateEncryption, now } = options
  const getProvider = async (key: string) => {
    const directory = await directories.findByKey(key)
    if (directory?.kind === 'oidc') return directory
    throw new RegistryError('NOT_FOUND', 'There is no such provider to log in with.')
  }
  return {
    async list() {
      const providers = (await directories.list()).filter(({ kind }) => kind === 'oidc')
      return providers.map(({ key, name }) => ({ key, name }))
    },
    async begin({ directoryKey, baseUrl, returnPath }) {
      const directory = await getProvider(directoryKey)
      const redirectUri = `${baseUrl}/auth/oidc/${directory.key}/callback`
      const { address, ...secrets } = await outages.guard(
        directory,
        { purpose: 'login', quietMs },
        () => directory.open().begin(redirectUri),
      )
      const state: LoginState = {
        ...secrets,
        redirectUri,
        returnPath: parseReturnPath(returnPath),
        expiresAt: now() + loginStateSeconds * 1000,
      }
      const sealedState = sealLoginState(stateEncryption, directory.key, state)
      return { address, sealedState, seconds: loginStateSeconds }
    },
    async finish({ directoryKey, query, sealedState }) {
      const directory = await getProvider(directoryKey)
      const state =
        sealedState && openLoginState(stateEncryption, directory.key, sealedState, now())
      if (!state) {
        throw new RegistryError(
          'UNAUTHORIZED',
          'This login was not begun in this browser, or it took longer than ten minutes: begin again.',
        )
      }
      const callback = new URL(`${state.redirectUri}${query}`)
      const { user, refreshToken } = await outages.guard(
        directory,
        { purpose: 'login', quietMs },
        () => directory.open().finish(callback, state),
      )
      if (!user.enabled) {
        throw new RegistryError(
          'UNAUTHORIZED',
          `"${user.name}" is in none of the groups that may log in here.`,
        )
      }
      const create = directory.settings.autoCreate
      const userId = await admitUser(options.db, { directory, user, create })
      await keepToken(options, userId, refreshToken)
      confirmations.admitted(userId)
      return { userId, returnPath: state.returnPath }
    },
  }
}

async function keepToken(
  { db, encryption }: OidcLoginsOptions,
  userId: number,
  refreshToken: string | null,
): Promise<void> {
  const token = refreshToken && encryption.encrypt(refreshToken, tokenOwner(userId))
  await db.write(setDirectoryToken, { userId, token })
}
