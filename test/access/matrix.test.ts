import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import type { Route } from '../../contract/route.ts'
import { digestOf } from '../support/content.ts'
import { findSlapd } from '../support/slapd.ts'
import { type Answer, jsonOf, send } from '../support/wire.ts'
import { checkApi } from './api-matrix.ts'
import { apiRoutes } from './api-routes.ts'
import { imagesOf, layerOf } from './images.ts'
import { principals } from './principals.ts'
import { openStage, type Stage } from './stage.ts'
import { Tally } from './tally.ts'
import { checkMounts, checkRepositories, checkUnnamedMounts } from './wire-matrix.ts'
import { checkRoots } from './wire-roots.ts'
import { rights, wireRoutes } from './wire-routes.ts'
import { feeds, nameOf, repositories, users } from './world.ts'

const slapd = findSlapd()
/** Of all principals together. */
const total = new Tally()

/** The rows of docs/access.md that say what each request needs. */
const documented = [
  ...readFileSync('docs/access.md', 'utf8').matchAll(/^\| ([A-Z, ]+) `([^`]+)`(.*?) \| (.+) \|$/gm),
].map(([, methods = '', address = '', more = '', right = '']) => ({
  ...{ methods: methods.split(', '), address, more, right },
}))

describe('what is asked', () => {
  test('of repositories is all that docs/access.md has, for the same rights', () => {
    const rows = documented.filter(({ address, more }) => !/^\/|\?/.test(address) && more === '')
    const fromDocs = rows.flatMap(({ methods, address, right }) =>
      methods.map((method) => `${method} ${address}: ${right.replaceAll('`', '')}`),
    )
    const own = wireRoutes
      .filter(({ what }) => what !== 'which means nothing')
      .map(({ method, address, needs }) => `${method} ${address}: ${rights[needs].join(', ')}`)
    expect([...new Set(own)].sort()).toEqual(fromDocs.sort())
  })

  test('of /v2 besides is all that docs/access.md has', () => {
    const others = documented.filter(({ address, more }) => /^\/v2|\?/.test(address) || more !== '')
    expect(others.map(({ methods, address, more }) => methods.join() + address + more)).toEqual([
      'GET/v2/',
      'GET,POST/v2/_auth',
      'GET,HEAD/v2/_catalog',
      'PUTmanifests/<tag> of an existing tag',
      'POSTblobs/uploads/?mount=',
    ])
  })

  test('of the management API is every route of the contract, by every method', () => {
    const contract = Object.entries(api).flatMap(([resource, table]) =>
      Object.entries(table as Readonly<Record<string, Route>>).map(([name, route]) => [
        `${resource}.${name}`,
        [route.method, ...route.also].join(' '),
        route.path,
      ]),
    )
    const own = Object.entries(apiRoutes).map(([name, { methods, path }]) => [
      ...[name, methods.join(' '), path],
    ])
    expect(own.sort()).toEqual(contract.sort())
    expect(Object.values(apiRoutes).every(({ requests }) => requests.length > 0)).toBe(true)
  })

  test('of the management API is every row of docs/access.md', () => {
    const rows = documented.filter(({ address }) => address.startsWith('/api/'))
    const fromDocs = rows.map(({ methods, address }) => `${methods.join()} ${address}`)
    const own = Object.values(apiRoutes).map(({ methods, path }) => `${methods[0]} ${path}`)
    expect(own.sort()).toEqual(fromDocs.sort())
  })
})

describe('who may do what', { timeout: 120_000 }, () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage(slapd)
  }, 120_000)
  afterAll(() => stage?.[Symbol.asyncDispose]())

  for (const principal of principals) {
    const needed = principal.ofLdap ? slapd : { skip: false, reason: '' }
    test.skipIf(needed.skip)(`${principal.name} ${needed.reason}`.trimEnd(), async () => {
      const before = total.mismatches.length
      total.note('principal', principal.name)
      for (const way of principal.api) await checkApi(stage, principal, way, total)
      for (const way of principal.wire) {
        const sender = { stage, principal, way }
        await checkRoots(sender, total)
        await checkRepositories(sender, total)
        await checkMounts(sender, total)
        await checkUnnamedMounts(sender, total)
      }
      expect(total.mismatches.slice(before)).toEqual([])
    })
  }

  const ask = async (method: string, target: string): Promise<Answer> => {
    const headers = { authorization: stage.server.admin }
    return await send(stage.server.url, { method, target, headers })
  }

  test('nothing of what was refused has happened', async () => {
    const there = repositories.filter(({ kind }) => kind === 'there')
    for (const repository of there) {
      const { image, all } = imagesOf(repository)
      const layer = layerOf(image)
      for (const [end, digest] of [
        ['manifests/v1', image.manifest.digest],
        ['manifests/all', all.digest],
        [`blobs/${layer.digest}`, layer.digest],
      ]) {
        const answer = await ask('GET', `/v2/${nameOf(repository)}/${end}`)
        expect(digestOf(answer.body), `${nameOf(repository)} ${end}`).toBe(digest)
      }
      const upload = `/v2/${nameOf(repository)}/blobs/uploads/${stage.uploads.get(nameOf(repository))}`
      const { status, headers } = await ask('GET', upload)
      expect([status, headers.range], upload).toEqual([204, '0-0'])
    }
    const catalog = jsonOf(await ask('GET', '/v2/_catalog'))
    expect(catalog).toEqual({ repositories: there.map(nameOf).sort() })
    const feedNames = (await call(stage.admin, api.feeds.list)).map(({ name }) => name)
    expect(feedNames).toEqual([...feeds])
    const found = (await call(stage.admin, api.securityUsers.list)).map(({ name }) => name)
    const fromDirectories = slapd.skip ? ['olga'] : ['linda', 'olga']
    expect(found.sort()).toEqual(['Admin', ...users, ...fromDirectories].sort())
  })

  test('it was all of it', () => {
    const [who, routes] = [total.count('principal'), total.count('route')]
    process.stdout.write(
      `${who} principals x ${routes} routes x ${total.count('registry')} registries = ` +
        `${total.cells} requests, ${total.checks} checks, ${total.mismatches.length} mismatches\n`,
    )
    expect(total.mismatches).toEqual([])
    expect(who).toBeGreaterThanOrEqual(principals.length - (slapd.skip ? 1 : 0))
    // Those of the contract by their methods, and those of /v2 in their several meanings.
    expect(routes).toBeGreaterThan(100)
    // The three, and one that is not there.
    expect(total.count('registry')).toBe(4)
    expect(total.cells).toBeGreaterThan(15_000)
  })
})
