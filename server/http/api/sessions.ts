import type { sessions as routes, SessionInfo, Whoami } from '../../../contract/sessions.ts'
import { hasGeneratedPassword } from '../../auth/first-administrator.ts'
import type { LiveSession, Session, Sessions } from '../../auth/session.ts'
import { getUser } from '../../auth/users.ts'
import { RegistryError, refuseField } from '../../domain/errors.ts'
import { may, type Principal } from '../../domain/permission.ts'
import { isApiKeyUserName } from '../../domain/user-name.ts'
import type { Call, Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { formatNoSessionCookie, formatSessionCookie } from './session-cookie.ts'

export function sessionHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { sessions } = deps
  return {
    whoami: (_input, { principal, session }) => describe(deps, { principal, session }),
    async login({ body }, call) {
      // A form of another site could send the rest.
      if (!call.isJson) throw new RegistryError('REQUEST_INVALID', 'A login is sent as JSON.')
      if (isApiKeyUserName(body.userName)) {
        refuseField('userName', 'An API key needs no session: send it as X-ApiKey.')
      }
      const origin = { address: call.caller.address, isLasting: true }
      const principal = await deps.authenticator.logIn(body.userName, body.password, origin)
      return await describe(deps, await beginSession(deps, principal, call))
    },
    async logout(_input, call) {
      if (call.cookieSecret !== undefined)
        await sessions.end(call.cookieSecret, call.caller.address)
      forgetCookie(call)
      return {}
    },
    async logoutEverywhere(_input, call) {
      const ended = await sessions.signOutEverywhere(call.principal.id, call.by)
      forgetCookie(call)
      return { ended }
    },
    async list({ query }, { principal, session }) {
      const own = await sessions.list(principal.id, query.count ?? 100)
      return own.map((each) => infoOf(each, session))
    },
    async delete({ query }, { principal, caller }) {
      await sessions.endOf({ userId: principal.id, id: query.id }, caller.address)
      return {}
    },
  }
}

/** A new session for who has just proved to be this user; the browser's former one ends. */
export async function beginSession(
  { sessions, now }: { readonly sessions: Pick<Sessions, 'begin'>; readonly now: () => number },
  principal: Principal,
  call: Pick<Call, 'caller' | 'userAgent' | 'cookieSecret' | 'setHeader'>,
): Promise<LiveSession> {
  const { baseUrl, address } = call.caller
  const { secret, session } = await sessions.begin({
    user: principal,
    address,
    userAgent: call.userAgent,
    replaced: call.cookieSecret,
  })
  const seconds = Math.max(1, Math.floor((session.expiresAt - now()) / 1000))
  call.setHeader('set-cookie', formatSessionCookie(baseUrl, secret, seconds))
  return { principal, session }
}

function forgetCookie({ cookieSecret, caller, setHeader }: Call): void {
  if (cookieSecret !== undefined) setHeader('set-cookie', formatNoSessionCookie(caller.baseUrl))
}

async function describe(
  { db, dataDir }: Pick<ApiDeps, 'db' | 'dataDir'>,
  { principal, session }: { readonly principal: Principal; readonly session: Session | null },
): Promise<Whoami> {
  const { kind, name } = principal
  const user = kind === 'user' ? await getUser({ db }, name) : null
  return {
    kind,
    name,
    user: user && { ...user, groups: [...user.groups] },
    administrator: may(principal, 'Admin_ConfigureProGet', null),
    generatedPassword: user !== null && (await hasGeneratedPassword(dataDir, name)),
    session: session && { id: session.id, expires: new Date(session.expiresAt).toISOString() },
  }
}

function infoOf(session: Session, current: Session | null): SessionInfo {
  const { id, address, userAgent } = session
  return {
    id,
    address,
    userAgent,
    created: new Date(session.createdAt).toISOString(),
    lastUsed: new Date(session.lastUsedAt).toISOString(),
    expires: new Date(session.expiresAt).toISOString(),
    current: id === current?.id,
  }
}
