import type { WireWay } from './principals.ts'
import { type Caller, may, type Place } from './rules.ts'
import { type Cell, type Outcome, rights, type WireRoute } from './wire-routes.ts'
import { world } from './world.ts'

/** docs/access.md, "How a refusal looks". */
const unauthorized: Outcome = { status: 401, code: 'UNAUTHORIZED' }
const nameUnknown: Outcome = { status: 404, code: 'NAME_UNKNOWN' }
const denied: Outcome = { status: 403, code: 'DENIED' }

export interface Expected extends Outcome {
  /** The answer must be the same for what is there and for what is not. */
  readonly hides: boolean
  /** The token is at fault, not its owner. */
  readonly lacksScope: boolean
}

/** What the documents say that the caller hears. */
export function expectedOnWire(route: WireRoute, cell: Cell): Expected {
  const { principal, way, repository } = cell
  const { caller } = principal
  const refusal = refusalOf(caller, route.needs, repository, way)
  if (refusal !== undefined) return refusal
  if (way === 'Bearer without scopes') return { ...unauthorized, hides: false, lacksScope: true }
  const outcome = repository.kind === 'there' ? route.there(cell) : route.missing(cell)
  return { ...outcome, hides: false, lacksScope: false }
}

/** Undefined: the caller may do it there. */
export function refusalOf(
  caller: Caller,
  needs: WireRoute['needs'],
  { kind, feed, repository }: Cell['repository'],
  way: WireWay,
): Expected | undefined {
  const place: Place = { feed, repository }
  const has = (attribute: Parameters<typeof may>[2]) =>
    // Nobody, not even an administrator, may do anything in a registry that is not there.
    kind !== 'nowhere' && may(world, caller, attribute, place)
  const lacksScope = false
  if (caller.kind === 'nobody') return { ...unauthorized, hides: true, lacksScope }
  if (rights[needs].every(has)) return undefined
  if (caller.kind === 'anonymous') {
    // A token of Anonymous has what Anonymous may: what it lacks needs another login.
    return { ...unauthorized, hides: true, lacksScope: way !== 'nothing' }
  }
  if (!has('Feeds_ViewFeed')) return { ...nameUnknown, hides: true, lacksScope }
  return { ...denied, hides: false, lacksScope }
}
