import { createServer, type Server } from 'node:http'
import { type Configuration, Provider } from 'oidc-provider'
import type { Page } from 'playwright-core'

export const clientId = 'entrepot'
export const clientSecret = 'client-secret-client-secret-client-secret'

/** What the provider tells of an account, by its `sub`. */
export type Accounts = Map<string, Readonly<Record<string, unknown>>>

/** A real OpenID Connect provider on loopback, with a login form that takes any password. */
export interface OidcProvider extends AsyncDisposable {
  readonly issuer: string
  /** May be changed at any time; who is not in it is not found. */
  readonly accounts: Accounts
  /** What it was asked for: paths, without queries. */
  readonly requests: readonly string[]
}

/** `redirectUris`: where its client's browsers may come back to. */
export async function startOidcProvider(redirectUris: readonly string[]): Promise<OidcProvider> {
  const accounts: Accounts = new Map()
  const requests: string[] = []
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${portOf(server)}`
  const provider = new Provider(issuer, configuration(accounts, redirectUris))
  const handle = provider.callback()
  server.on('request', (req, res) => {
    requests.push(req.url?.split('?', 1)[0] ?? '')
    void handle(req, res)
  })
  return {
    issuer,
    accounts,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Logs in at the provider's page, and agrees to what it asks then. */
export async function logInAtProvider(page: Page, account: string): Promise<void> {
  await page.fill('input[name=login]', account)
  await page.fill('input[name=password]', 'anything')
  await page.click('button[type=submit]')
  await page.waitForSelector('input[name=prompt][value=consent]', { state: 'attached' })
  await page.click('button[type=submit]')
}

function configuration(accounts: Accounts, redirectUris: readonly string[]): Configuration {
  return {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [...redirectUris],
        grant_types: ['authorization_code', 'refresh_token'],
      },
    ],
    claims: {
      openid: ['sub'],
      email: ['email'],
      profile: ['name', 'preferred_username'],
      groups: ['groups'],
    },
    scopes: ['openid', 'offline_access', 'email', 'profile', 'groups'],
    findAccount: (_context, id) => {
      const claims = accounts.get(id)
      return claims && { accountId: id, claims: () => ({ sub: id, ...claims }) }
    },
    features: { devInteractions: { enabled: true } },
    cookies: { keys: ['provider-cookie-key'] },
    pkce: { required: () => true },
    rotateRefreshToken: true,
  }
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
