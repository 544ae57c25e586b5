import { parseRepositoryPath } from '../../domain/reference.ts'
import { catalogScope, repositoryScope } from '../../domain/scope.ts'
import type { Exchange } from './exchange.ts'
import { operationsOf } from './operations.ts'
import { parseRoute } from './route.ts'

/** What a client has to ask a token for before it sends this request again; undefined: nothing. */
export function neededScope({ path, req }: Exchange): string | undefined {
  try {
    const route = parseRoute(path)
    if (route?.kind === 'catalog') return catalogScope
    if (!route || route.kind === 'ping' || route.kind === 'token') return undefined
    const { feedKey, repository } = parseRepositoryPath(route.name)
    const action = operationsOf(route)[req.method ?? '']?.action ?? 'pull'
    return repositoryScope(`${feedKey}/${repository}`, action)
  } catch {
    return undefined
  }
}
