import { describe, expect, test } from 'vitest'
import { blob, image } from '../support/content.ts'
import { addPerson, statusOf, tasks, tokenFor, untilRulesAreNew } from '../support/people.ts'
import { pushBlob, pushImage } from '../support/push.ts'
import { useServer } from '../support/server.ts'
import { jsonOf, send } from '../support/wire.ts'

const owned = blob('scopes')
const { table, server } = useServer(async (setUp, one) => {
  await one.createFeed('secret')
  await one.createFeed('aliased', { alternateNames: ['other-name'] })
  for (const name of ['main/app', 'main/app/sub', 'main/other', 'secret/app', 'aliased/app']) {
    await pushImage(setUp, name, image(name), ['v1'])
  }
  await pushBlob(setUp, 'main/other', owned)
  const rules = [
    { task: tasks.view, feed: 'main', repositories: 'app' },
    { task: tasks.publish, feed: 'aliased' },
  ]
  const narrow = await addPerson(one, 'narrow', ...rules)
  const wide = await addPerson(one, 'wide', { task: tasks.manage, feed: 'main' })
  await untilRulesAreNew()
  return { narrow: narrow.authorization, wide: wide.authorization }
})

interface Access {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

/** The access list of the token that a caller gets for this query, or form. */
async function granted(as: string, query: string, form = false): Promise<readonly Access[]> {
  const authorization = table().callers[as] ?? ''
  const answer = await send(table().url, {
    method: form ? 'POST' : 'GET',
    target: form ? '/v2/_auth' : `/v2/_auth?service=x&${query}`,
    headers: {
      authorization,
      ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(form && { body: `${passwordGrant(authorization)}&${query}` }),
  })
  expect(answer.status).toBe(200)
  const { token } = jsonOf(answer) as { readonly token: string }
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')
  return (JSON.parse(claims) as { readonly access: readonly Access[] }).access
}

function passwordGrant(authorization: string): string {
  const [user = '', password = ''] = Buffer.from(authorization.slice(6), 'base64')
    .toString('utf8')
    .split(':')
  const fields = { grant_type: 'password', service: 'x', client_id: 'x', username: user, password }
  return String(new URLSearchParams(fields))
}

const pull = (name: string): Access => ({ type: 'repository', name, actions: ['pull'] })
const catalog: Access = { type: 'registry', name: 'catalog', actions: ['*'] }
const aliased: Access = { type: 'repository', name: 'aliased/app', actions: ['pull', 'push'] }

/** What `narrow`, who may pull main/app and push to aliased, gets for a query. */
const injections: readonly (readonly [query: string, access: readonly Access[]])[] = [
  ['scope=repository:main/app:pull', [pull('main/app')]],
  ['scope=repository:main/app:pull,push,delete', [pull('main/app')]],
  ['scope=repository:main/app:*', [pull('main/app')]],
  ['scope=repository:main/app:*,pull', [pull('main/app')]],
  ['scope=repository:main/app:pull,,push,', [pull('main/app')]],
  ['scope=repository:main/app:,', []],
  ['scope=repository:main/app:', []],
  ['scope=repository:main/app', []],
  ['scope=repository:main/app:PULL', []],
  ['scope=repository:main/app:pull%20,push', [pull('main/app')]],
  ['scope=repository:main/app:pull%2Cpush', [pull('main/app')]],
  ['scope=repository:main/app:pull%252Cpush', []],
  ['scope=repository:main/app:push%20repository:secret/app:pull', []],
  ['scope=repository:main/app:pull%20repository:secret/app:pull', [pull('main/app')]],
  ['scope=repository:main/app:pull+repository:secret/app:*', [pull('main/app')]],
  ['scope=repository:main/app:pull%0arepository:secret/app:pull', []],
  ['scope=repository:main/app:pull%0d%0arepository:secret/app:pull', []],
  ['scope=repository:main/app:pull%09repository:secret/app:pull', []],
  ['scope=repository:main/app:pull%00,push', []],
  ['scope=%20repository:main/app:pull', [pull('main/app')]],
  ['scope=repository:main/app:pull&scope=repository:secret/app:pull', [pull('main/app')]],
  ['scope=repository:secret/app:pull&scope=repository:main/app:pull', [pull('main/app')]],
  ['scope=repository:main/app:pull&scope=repository:main/app:push', [pull('main/app')]],
  ['scope=repository:aliased/app:pull&scope=repository:aliased/app:push', [aliased]],
  ['scope[]=repository:main/app:pull', []],
  ['Scope=repository:main/app:pull', []],
  ['scope=["repository:main/app:pull"]', []],
  ['scope=repository:main:pull', []],
  ['scope=repository:*:pull', []],
  ['scope=repository:*/*:pull', []],
  ['scope=repository:main/*:pull', []],
  ['scope=repository:main/**:pull', []],
  ['scope=repository:main/.*:pull', []],
  ['scope=repository:main/a%25:pull', []],
  ['scope=repository:main/other:pull', []],
  ['scope=repository:main/app/sub:pull', []],
  ['scope=repository:main/app/../other:pull', []],
  ['scope=repository:main/app%252f..%252fother:pull', []],
  ['scope=repository:main/APP:pull', []],
  ['scope=repository:MAIN/app:pull', [pull('MAIN/app')]],
  ['scope=repository:MAIN/app:push', []],
  ['scope=repository:SECRET/app:pull', []],
  ['scope=repository:main/app:pull:push', []],
  ['scope=repository:main/app:secret/app:pull', []],
  ['scope=repository:127.0.0.1:5000/main/app:pull', []],
  ['scope=repository::pull', []],
  ['scope=repository:/app:pull', []],
  ['scope=repository:main//app:pull', []],
  ['scope=repository:main/app/:pull', []],
  ['scope=repository:other-name/app:pull', [pull('other-name/app')]],
  ['scope=repository(plugin):main/app:pull,push', [pull('main/app')]],
  ['scope=repository(*):main/app:pull', []],
  ['scope=REPOSITORY:main/app:pull', []],
  ['scope=registry:catalog:*', [catalog]],
  ['scope=registry:catalog:pull', []],
  ['scope=registry:*:*', []],
  ['scope=registry:main/app:*', []],
  ['scope=repository:catalog:*', []],
  ['scope=registry:catalog:*,pull&scope=repository:secret/app:pull', [catalog]],
  ['scope=*:*:*', []],
  ['scope=*', []],
  ['scope=:::', []],
  ['scope=__proto__:main/app:pull', []],
  ['scope=repository:main/app:__proto__,constructor,toString', []],
  ['scope=repository:__proto__/app:pull', []],
  ['service=secret&account=Admin&scope=repository:secret/app:pull', []],
  ['access=[{"type":"repository","name":"secret/app","actions":["pull"]}]', []],
]

describe.for([
  ['asked for by GET', false],
  ['asked for by POST', true],
] as const)('a token %s never carries more than its owner may', ([, form]) => {
  test.for(injections)('%s', async ([query, access], { expect }) => {
    const listed = await granted('narrow', query, form)
    expect(listed).toEqual(access)
  })

  test('not when the scopes are more, or longer, than are read', async () => {
    const many = Array.from({ length: 200 }, (_, i) => `scope=repository:main/x${i}:pull,push`)
    const query = [...many, 'scope=repository:secret/app:pull'].join('&')
    expect(await granted('narrow', query, form)).toEqual([])
    const long = `scope=repository:main/${'a'.repeat(8000)}:pull&scope=repository:main/app:*`
    expect(await granted('narrow', long, form)).toEqual([])
  })
})

describe('a token is no wider than its scope, though its owner may more', () => {
  const target = {
    pull: ['GET', '/v2/main/app/manifests/v1'],
    push: ['POST', '/v2/main/app/blobs/uploads/'],
    overwrite: ['PUT', '/v2/main/app/manifests/v1'],
    delete: ['DELETE', `/v2/main/app/manifests/sha256:${'0'.repeat(64)}`],
    other: ['GET', '/v2/main/other/manifests/v1'],
    below: ['GET', '/v2/main/app/sub/manifests/v1'],
    catalog: ['GET', '/v2/_catalog'],
  } as const
  const use = async (what: keyof typeof target, scopes: readonly string[]) => {
    const [method, address] = target[what]
    const headers = { authorization: await tokenFor(server(), table().callers.wide, ...scopes) }
    return await send(table().url, { method, target: address, headers })
  }

  test.for<readonly [scope: string, open: readonly (keyof typeof target)[]]>([
    ['', []],
    ['repository:main/app:pull', ['pull']],
    ['repository:main/app:push', ['push', 'overwrite']],
    ['repository:main/app:delete', ['delete']],
    ['repository:main/app:*', ['pull', 'push', 'overwrite', 'delete']],
    ['repository:main/other:*', ['other']],
    ['repository:main/app/sub:*', ['below']],
    ['registry:catalog:*', ['catalog']],
    ['repository:MAIN/app:pull', ['pull']],
  ])('%s', async ([scope, open], { expect }) => {
    for (const what of Object.keys(target) as (keyof typeof target)[]) {
      const answer = await use(what, scope === '' ? [] : [scope])
      if (open.includes(what)) expect(answer.status, what).not.toBe(401)
      else {
        expect(answer.status, what).toBe(401)
        expect(answer.headers['www-authenticate'], what).toContain('insufficient_scope')
      }
    }
  })

  test('nor is it good at the API or for metrics, whatever its scope', async () => {
    const token = await tokenFor(
      server(),
      server().admin,
      'registry:catalog:*',
      'repository:main/app:*',
    )
    for (const address of [
      '/api/sessions/whoami',
      '/api/security/users/list',
      '/api/settings/list',
    ]) {
      expect(await statusOf(server(), address, { authorization: token })).toBe(401)
    }
    const narrow = await tokenFor(server(), table().callers.narrow)
    expect(await statusOf(server(), '/metrics', { authorization: narrow })).toBe(401)
  })

  test('a token of Anonymous has nothing of who asks next, and is not renewed', async () => {
    const token = await tokenFor(
      server(),
      undefined,
      'repository:main/app:pull',
      'registry:catalog:*',
    )
    for (const address of ['/v2/main/app/manifests/v1', '/v2/_catalog']) {
      expect(await statusOf(server(), address, { authorization: token })).toBe(401)
    }
  })

  test('but for a mount the right of its owner counts, as it is documented, and only that', async () => {
    const push = 'repository:main/app:pull,push'
    const mount = async (as: string, from: string) => {
      const authorization = await tokenFor(server(), table().callers[as], push)
      const answer = await send(table().url, {
        method: 'POST',
        target: `/v2/main/app/blobs/uploads/?mount=${owned.digest}&from=${from}`,
        headers: { authorization },
      })
      return answer.status
    }
    expect(await mount('wide', 'secret/app')).toBe(202)
    expect(await mount('narrow', 'main/other')).toBe(403)
    expect(await mount('wide', 'main/other')).toBe(201)
  })
})
