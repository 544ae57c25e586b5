import { blob } from '../support/content.ts'
import { pushBlob } from '../support/push.ts'
import { send } from '../support/wire.ts'
import { blurred, Hidden } from './blurred.ts'
import { imagesOf, layerOf } from './images.ts'
import { autoTargets, mountTargets } from './mounts.ts'
import { numberOf, type Principal, type WireWay } from './principals.ts'
import { type Attribute, may } from './rules.ts'
import type { Stage } from './stage.ts'
import { forAll, type Tally } from './tally.ts'
import { mismatchOf, ruleBroken } from './wire-answers.ts'
import { type Expected, expectedOnWire, refusalOf } from './wire-expectations.ts'
import { type Cell, type WireRoute, wireRoutes } from './wire-routes.ts'
import { nameOf, type Repository, repositories, world } from './world.ts'

/** One principal, and one way in which it shows who it is. */
export interface Sender {
  readonly stage: Stage
  readonly principal: Principal
  readonly way: WireWay
}

const atOnce = 24

/** Everything that can be asked of every repository. */
export async function checkRepositories(sender: Sender, tally: Tally): Promise<void> {
  const { stage, principal } = sender
  const hidden = new Hidden()
  const looked = new Set<string>()
  const asked = wireRoutes.flatMap((route) =>
    repositoriesOf(principal)
      .filter((repository) => !route.costly || isInTeam(repository))
      .map((repository) => ({ route, repository })),
  )
  await forAll(asked, atOnce, async ({ route, repository }) => {
    const cell = cellOf(sender, repository, route)
    const expected = expectedOnWire(route, cell)
    const name = nameOf(repository)
    const request = {
      method: route.method,
      target: `/v2/${name}/${await route.end(cell)}`,
      headers: { ...headersOf(sender), ...route.headers },
      ...(route.body && { body: route.body(cell) }),
    }
    const answer = await send(stage.server.url, { ...request, agent: stage.agent })
    const title = [route.method, route.address, route.what].join(' ').trimEnd()
    // Every answer would cost as much as the requests.
    const isFirst = !looked.has(`${title} ${answer.status}`)
    looked.add(`${title} ${answer.status}`)
    tally.note('route', title)
    tally.note('registry', repository.feed)
    tally.add(
      `${nameIn(sender)}: ${title} in ${name}`,
      mismatchOf(expected, request, answer),
      ...(isFirst ? [ruleBroken(request, answer)] : []),
      ...(expected.hides ? [hidden.compare(title, answer, name)] : []),
    )
  })
}

/** Mounts of every repository's own blob into every registry: the source decides as well. */
export async function checkMounts(sender: Sender, tally: Tally): Promise<void> {
  const { stage } = sender
  const number = numberOf(sender.principal, sender.way)
  const targets = mountTargets.map((target) => target(number))
  const asked = repositoriesOf(sender.principal).flatMap((source) =>
    targets.map((target) => ({ source, target })),
  )
  const declined = new Set<string>()
  await forAll(asked, atOnce, async ({ source, target }) => {
    const { image, other } = imagesOf(source)
    // Of what is there one blob is mounted, which the target has then; of what is not, the other.
    const { digest } = layerOf(source.kind === 'there' ? image : other)
    const request = {
      method: 'POST',
      target: `/v2/${nameOf(target)}/blobs/uploads/?mount=${digest}&from=${nameOf(source)}`,
      headers: headersOf(sender),
    }
    const answer = await send(stage.server.url, { ...request, agent: stage.agent })
    const id = answer.headers['docker-upload-uuid']
    if (answer.status === 202 && id !== undefined) {
      declined.add(blurred(answer, nameOf(target)).replaceAll(id, 'ID'))
    }
    tally.note('route', 'POST blobs/uploads/?mount=')
    tally.add(
      `${nameIn(sender)}: mount of ${nameOf(source)} into ${nameOf(target)}`,
      mismatchOf(expectedMount(sender, source, target), request, answer),
      // Whether there is such a blob, and the caller may not pull it, or none.
      declined.size > 1 ? [...declined].join(' can be told from ') : undefined,
    )
  })
}

/** Mounts that name no source: from wherever the blob is, if the caller may pull it there. */
export async function checkUnnamedMounts(sender: Sender, tally: Tally): Promise<void> {
  const { stage, principal, way } = sender
  const number = numberOf(principal, way)
  const targets = autoTargets.map((target) => target(number))
  const letsIn = (each: Repository) => refusalOf(principal.caller, 'push', each, way) === undefined
  const target = targets.find(letsIn) ?? targets[0]
  if (target === undefined) throw new Error('There is nowhere to mount to.')
  const sources = repositoriesOf(principal).filter((each) => each.kind === 'there')
  await forAll(sources.filter(isInTeam), atOnce, async (source) => {
    // Once mounted it is in two places: so each has one of its own.
    const content = blob(`access found ${number} ${nameOf(source)}`)
    await pushBlob(stage.table, nameOf(source), content)
    const request = {
      method: 'POST',
      target: `/v2/${nameOf(target)}/blobs/uploads/?mount=${content.digest}`,
      headers: headersOf(sender),
    }
    const answer = await send(stage.server.url, { ...request, agent: stage.agent })
    tally.note('route', 'POST blobs/uploads/?mount= that names no source')
    tally.add(
      `${nameIn(sender)}: mount of what ${nameOf(source)} has into ${nameOf(target)}`,
      mismatchOf(expectedMount(sender, source, target), request, answer),
    )
  })
}

function expectedMount(sender: Sender, source: Repository, target: Repository): Expected {
  const { principal, way } = sender
  const refusal = refusalOf(principal.caller, 'push', target, way)
  if (refusal !== undefined) return refusal
  if (way === 'Bearer without scopes') {
    return { status: 401, code: 'UNAUTHORIZED', hides: false, lacksScope: true }
  }
  const mayPull = refusalOf(principal.caller, 'pull', source, way) === undefined
  const status = source.kind === 'there' && mayPull ? 201 : 202
  return { status, hides: false, lacksScope: false }
}

/** Wrong credentials are refused before anything is looked at, and passwords take their time. */
function repositoriesOf({ caller }: Principal): readonly Repository[] {
  if (caller.kind !== 'nobody') return repositories
  return repositories.filter((each) => each.kind !== 'missing' && isInTeam(each))
}

function isInTeam({ repository }: Repository): boolean {
  return repository.startsWith('team/')
}

function cellOf(sender: Sender, repository: Repository, route: WireRoute): Cell {
  const { caller } = sender.principal
  const { feed, repository: name } = repository
  const refusal = refusalOf(caller, route.needs, repository, sender.way)
  return {
    ...{ ...sender, repository },
    number: numberOf(sender.principal, sender.way),
    images: imagesOf(repository),
    allowed: refusal === undefined && sender.way !== 'Bearer without scopes',
    has: (attribute: Attribute) => may(world, caller, attribute, { feed, repository: name }),
  }
}

export function nameIn({ principal, way }: Sender): string {
  return `${principal.name} (${way})`
}

function headersOf({ stage, principal, way }: Sender): Readonly<Record<string, string>> {
  return stage.credentials.wire(principal, way)
}
