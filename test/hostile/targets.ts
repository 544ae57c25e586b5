import type { Random } from '../support/random.ts'
import { lineSafe, mutate, oddText, sometimesMutated } from './texts.ts'
import type { World } from './world.ts'

/** Paths and queries: of every route there is, mostly with something wrong. */
export function makeTarget(random: Random, world: World): string {
  const path = random.chance(0.1) ? strangePath(random) : knownPath(random, world)
  const query = random.chance(0.5) ? makeQuery(random, world) : ''
  const target = lineSafe(sometimesMutated(random, path, 0.1) + query)
  return target.startsWith('/') ? target : `/${target}`
}

/** Where an upload begins, perhaps with a mount of what the caller may not see. */
export function makeUploadsTarget(random: Random, world: World): string {
  const query = random.chance(0.4) ? makeQuery(random, world) : ''
  return lineSafe(`/v2/${makeName(random, world)}/blobs/uploads/${query}`)
}

export function makeName(random: Random, world: World): string {
  return sometimesMutated(random, random.pick(world.names), 0.15)
}

export function makeDigest(random: Random, world: World): string {
  switch (random.between(1, 8)) {
    case 1:
      return `sha256:${'0'.repeat(64)}`
    case 2:
      return `sha512:${'ab'.repeat(random.pick([32, 64, 65]))}`
    case 3:
      return `${random.pick(['md5', 'sha1', 'SHA256', 'sha256+b64', ''])}:${oddText(random)}`
    case 4:
      return mutate(random, random.pick(world.digests))
    case 5:
      return random.pick(world.digests).replace(':', '%3A')
    default:
      return random.pick(world.digests)
  }
}

function makeReference(random: Random, world: World): string {
  if (random.chance(0.5)) return makeDigest(random, world)
  return sometimesMutated(random, random.pick(world.tags))
}

function knownPath(random: Random, world: World): string {
  const name = makeName(random, world)
  return random.pick([
    () => `/v2/${name}/manifests/${makeReference(random, world)}`,
    () => `/v2/${name}/manifests/${makeReference(random, world)}`,
    () => `/v2/${name}/blobs/${makeDigest(random, world)}`,
    () => `/v2/${name}/blobs/${makeDigest(random, world)}`,
    () => `/v2/${name}/referrers/${makeDigest(random, world)}`,
    () => `/v2/${name}/tags/list`,
    () => `/v2/${name}/blobs/uploads/`,
    () => `/v2/${name}/blobs/uploads/${oddUpload(random)}`,
    () => '/v2/_catalog',
    () => '/v2/_auth',
    () => '/v2/',
  ])()
}

function oddUpload(random: Random): string {
  return random.chance(0.5) ? '00000000-0000-4000-8000-000000000000' : oddText(random)
}

function strangePath(random: Random): string {
  const roots = [
    '/',
    '/health',
    '/health/json',
    '/metrics',
    '/v1/',
    '/v2',
    '/v22/',
    '/api/',
    '//v2/',
  ]
  const tail = Array.from({ length: random.between(0, 4) }, () => oddText(random)).join('/')
  return random.pick(roots) + (random.chance(0.5) ? tail : '')
}

export function makeQuery(random: Random, world: World): string {
  const parameters = Array.from({ length: random.between(1, 4) }, () => parameter(random, world))
  if (random.chance(0.02)) return `?${'tag=a&'.repeat(random.pick([11, 101, 1500]))}`
  return `?${parameters.join('&')}`
}

function parameter(random: Random, world: World): string {
  const { pick } = random
  const values: Readonly<Record<string, () => string>> = {
    n: () => pick(['0', '1', '-1', '1000000000', '1.5', 'NaN', '', '1e3', oddText(random)]),
    last: () => sometimesMutated(random, pick([...world.tags, ...world.names])),
    digest: () => makeDigest(random, world),
    'digest-algorithm': () => pick(['sha256', 'sha512', 'md5', oddText(random)]),
    mount: () => makeDigest(random, world),
    from: () => makeName(random, world),
    tag: () => sometimesMutated(random, pick(world.tags), 0.5),
    artifactType: () => pick(['application/json', oddText(random)]),
    scope: () => makeScope(random, world),
    service: () => pick([world.host, oddText(random)]),
    account: () => pick(['Admin', oddText(random)]),
    offline_token: () => pick(['true', oddText(random)]),
    client_id: () => oddText(random),
    format: () => pick(['json', oddText(random)]),
    ns: () => oddText(random),
  }
  const name = pick(Object.keys(values))
  const value = values[name]?.() ?? ''
  if (random.chance(0.1)) return `${oddText(random)}=${value}`
  return `${name}=${random.chance(0.5) ? encodeURIComponent(value) : value}`
}

export function makeScope(random: Random, world: World): string {
  const actions = random.pick(['pull', 'pull,push', 'delete', '*', 'pull,', oddText(random)])
  const type = random.pick(['repository', 'repository', 'repository(plugin)', 'registry', ''])
  const name = random.chance(0.2) ? 'catalog' : makeName(random, world)
  return sometimesMutated(random, `${type}:${name}:${actions}`, 0.15)
}
