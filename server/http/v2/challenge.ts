import { RegistryError } from '../../domain/errors.ts'
import type { Exchange } from './exchange.ts'

export interface ChallengeReason {
  /** One scope: podman gives up on a challenge with several. */
  readonly scope?: string | undefined
  /** The token is good but not for this. */
  readonly lacksScope?: boolean
  /** The token is not good. */
  readonly invalidToken?: boolean
  readonly message?: string
}

/**
 * 401 with where to get a token (Distribution's token specification). Bearer is the only challenge:
 * docker runs every handler that is offered, and Basic would overwrite the token.
 */
export function challenge({ caller }: Exchange, reason: ChallengeReason): RegistryError {
  const parameters = [
    `realm="${caller.baseUrl}/v2/_auth"`,
    `service="${caller.service}"`,
    ...(reason.scope === undefined ? [] : [`scope="${reason.scope}"`]),
    ...(reason.lacksScope ? ['error="insufficient_scope"'] : []),
    ...(reason.invalidToken ? ['error="invalid_token"'] : []),
  ]
  return new RegistryError('UNAUTHORIZED', reason.message ?? messageOf(reason), {
    headers: { 'www-authenticate': `Bearer ${parameters.join(',')}` },
  })
}

function messageOf({ lacksScope, scope }: ChallengeReason): string {
  if (lacksScope) return `The token does not cover ${scope ?? 'this'}.`
  return 'Log in first: this needs credentials.'
}
