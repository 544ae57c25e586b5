import { describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { absentDigest, image } from '../support/content.ts'
import { addPerson, adminOf, tasks, tokenFor, untilRulesAreNew } from '../support/people.ts'
import { pushBlob, pushImage } from '../support/push.ts'
import { useServer } from '../support/server.ts'
import { exchangeRaw, send } from '../support/wire.ts'

/**
 * Two places that differ in nothing but that one is there: `closed` of each pair is hidden from the
 * caller, `absent` never was. Names have one length, so that answers can be compared byte by byte.
 */
const pairs = [
  ['a registry', 'closed', 'absent'],
  ['a registry that is switched off', 'inactv', 'absent'],
  ['a registry by its alternate name', 'alias1', 'absent'],
  ['a repository', 'main/hid', 'main/abs'],
] as const
const hidden = image('oracles')
const layer = hidden.layers[0]?.digest ?? ''
let hiddenUpload = ''

const { table, server } = useServer(async (setUp, one) => {
  await one.createFeed('closed', { alternateNames: ['alias1'] })
  await one.createFeed('inactv')
  for (const name of ['closed/app', 'closed/hid/app', 'inactv/app', 'main/hid/app']) {
    await pushImage(setUp, name, hidden, ['v1'])
  }
  await pushImage(setUp, 'main/team/app', image('oracles of the team'), ['v1'])
  await call(adminOf(one), api.feedGroups.create, { body: { name: 'hidden', feeds: ['closed'] } })
  const begun = await send(one.url, {
    method: 'POST',
    target: '/v2/closed/app/blobs/uploads/',
    headers: { authorization: one.admin },
  })
  hiddenUpload = begun.headers['docker-upload-uuid'] ?? ''
  await one.setFeed('inactv', { active: false })
  const patterned = { task: tasks.manage, feed: 'main', repositories: 'team/**' }
  const team = await addPerson(one, 'team', patterned)
  const stranger = await addPerson(one, 'stranger')
  const manager = await addPerson(one, 'manager', patterned, {
    ...{ task: tasks.view, feed: 'main', repositories: 'team/app' },
  })
  await untilRulesAreNew()
  const scopes = ['closed/app', 'absent/app', 'main/hid/app', 'main/abs/app', 'main/team/app']
  return {
    team: team.authorization,
    stranger: stranger.authorization,
    manager: manager.authorization,
    token: await tokenFor(one, team.authorization, ...scopes.map((name) => `repository:${name}:*`)),
  }
})

const id = '1b4e28ba-2fa1-11d2-883f-0016d3cca427'
const manifest = hidden.manifest.digest
const requests: readonly (readonly [method: string, rest: string])[] = [
  ['GET', 'manifests/v1'],
  ['HEAD', 'manifests/v1'],
  ['GET', `manifests/${manifest}`],
  ['HEAD', `manifests/${manifest}`],
  ['PUT', 'manifests/v2'],
  ['DELETE', `manifests/${manifest}`],
  ['DELETE', 'manifests/v1'],
  ['PATCH', 'manifests/v1'],
  ['GET', `blobs/${layer}`],
  ['HEAD', `blobs/${layer}`],
  ['DELETE', `blobs/${layer}`],
  ['GET', 'blobs/bad'],
  ['POST', 'blobs/uploads/'],
  ['POST', `blobs/uploads/?mount=${layer}&from=main/team/app`],
  ['POST', `blobs/uploads/?digest=${layer}`],
  ['GET', `blobs/uploads/${id}`],
  ['HEAD', `blobs/uploads/${id}`],
  ['PATCH', `blobs/uploads/${id}`],
  ['PUT', `blobs/uploads/${id}?digest=${layer}`],
  ['DELETE', `blobs/uploads/${id}`],
  ['GET', 'tags/list'],
  ['GET', 'tags/list?n=bad'],
  ['HEAD', 'tags/list'],
  ['GET', `referrers/${manifest}`],
  ['GET', `referrers/${manifest}?artifactType=a/b`],
  ['OPTIONS', 'tags/list'],
]

/** The whole answer as it went over the socket, and whether the connection stayed open for more. */
async function whole(as: string, line: string, body = ''): Promise<string> {
  const authorization = table().callers[as]
  const head = [
    `${line} HTTP/1.1`,
    `Host: ${new URL(table().url).host}`,
    ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
    ...(body === '' ? [] : [`Content-Length: ${body.length}`]),
  ]
  const request = `${head.join('\r\n')}\r\n\r\n${body}`
  // A second request tells whether the first one's connection can be used again.
  const last = `GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
  const text = await exchangeRaw(table().url, request + last, 3000)
  return text.replace(/^Date: .*$/gim, 'Date').replace(/"uptimeSeconds":\d+/, '')
}

/** What the caller said itself is no news. */
const blank = (text: string, name: string) =>
  text.replaceAll(name, '<name>').replaceAll(name.replace('/', '%2F'), '<name>')

describe.for(pairs)(
  '%s that is hidden answers, byte by byte, as one that is not there',
  ([, there, gone]) => {
    describe.for(['anonymous', 'stranger', 'team', 'token'])('to %s', (as) => {
      test.for(requests)('%s %s', async ([method, rest], { expect }) => {
        for (const body of ['', 'some bytes']) {
          const closed = blank(await whole(as, `${method} /v2/${there}/app/${rest}`, body), there)
          const absent = blank(await whole(as, `${method} /v2/${gone}/app/${rest}`, body), gone)
          expect(closed).toMatch(/^HTTP\/1\.1 40[0-9] /)
          expect(closed).toBe(absent)
        }
      })
    })
  },
)

describe('a caller who may push and pull its own repository', () => {
  const absent = absentDigest('nowhere')
  const compare = async (method: string, target: (digest: string) => string, body = '') => {
    const one = await whole('team', `${method} ${target(layer)}`, body)
    const other = await whole('team', `${method} ${target(absent)}`, body)
    const plain = (text: string, digest: string) =>
      text
        .replaceAll(digest, '<digest>')
        .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    return [plain(one, layer), plain(other, absent)] as const
  }

  test.for([
    'closed/app',
    'closed/none',
    'inactv/app',
    'alias1/app',
    'CLOSED/app',
    'main/hid/app',
    'main/abs/app',
    'absent/app',
    '../closed/app',
    'closed%2Fapp',
    '',
  ])('mounts nothing from "%s", and cannot tell whether the blob is there', async (from) => {
    const target = (digest: string) =>
      `/v2/main/team/app/blobs/uploads/?mount=${digest}&from=${from}`
    const [one, other] = await compare('POST', target)
    expect(one).toMatch(/^HTTP\/1\.1 202 /)
    expect(one).toBe(other)
  })

  test('mounts nothing from anywhere, where nothing says from where', async () => {
    for (const more of ['', '&from', '&from=&from=closed/app', '&digest=']) {
      const [one, other] = await compare(
        'POST',
        (digest) => `/v2/main/team/app/blobs/uploads/?mount=${digest}${more}`,
      )
      expect(one).toMatch(/^HTTP\/1\.1 202 /)
      expect(one).toBe(other)
    }
    // And the attempts gave it nothing.
    const head = await whole('team', `HEAD /v2/main/team/app/blobs/${layer}`)
    expect(head).toMatch(/^HTTP\/1\.1 404 /)
  })

  test('does not use an upload of another repository, nor learn that there is one', async () => {
    for (const [method, rest] of [
      ['GET', ''],
      ['HEAD', ''],
      ['PATCH', ''],
      ['PUT', `?digest=${layer}`],
      ['DELETE', ''],
    ] as const) {
      for (const upload of [hiddenUpload, hiddenUpload.toUpperCase()]) {
        const at = (one: string) => `/v2/main/team/app/blobs/uploads/${one}${rest}`
        const there = await whole('team', `${method} ${at(upload)}`)
        const none = await whole('team', `${method} ${at(id)}`)
        expect(there).toMatch(/^HTTP\/1\.1 404 /)
        expect(there).toBe(none)
      }
    }
    const still = await whole('admin', `GET /v2/closed/app/blobs/uploads/${hiddenUpload}`)
    expect(still).toMatch(/^HTTP\/1\.1 204 /)
  })

  test('does not tie a manifest to what it cannot see', async () => {
    const answers: string[] = []
    for (const digest of [layer, absent]) {
      const descriptor = { mediaType: 'application/octet-stream', digest, size: 5 }
      const body = JSON.stringify({
        ...{ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json' },
        ...{ config: descriptor, layers: [descriptor] },
      })
      const answer = await send(table().url, {
        method: 'PUT',
        target: '/v2/main/team/app/manifests/tie',
        headers: {
          authorization: table().callers.team ?? '',
          'content-type': 'application/vnd.oci.image.manifest.v1+json',
        },
        body,
      })
      answers.push(`${answer.status} ${answer.body}`.replaceAll(digest, '<digest>'))
    }
    expect(answers[0]).toMatch(/^400 /)
    expect(answers[0]).toBe(answers[1])
  })

  test('learns of a blob that others have only by having its bytes', async () => {
    // Who pushes the bytes has them anyway: nothing is shorter or says that they were known.
    const content = hidden.layers[0]
    if (content === undefined) throw new Error('the image has a layer')
    const callers = { admin: table().callers.team ?? '' }
    await pushBlob({ url: table().url, callers }, 'main/team/app', content)
    const head = await whole('team', `HEAD /v2/main/team/app/blobs/${layer}`)
    expect(head).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('the API', () => {
  const targets = (feed: string) =>
    [
      ['GET', `/api/management/feeds/get/${feed}`],
      ['HEAD', `/api/management/feeds/get/${feed}`],
      ['POST', `/api/management/feeds/update/${feed}`],
      ['PUT', `/api/management/feeds/update/${feed}`],
      ['POST', `/api/management/feeds/delete/${feed}`],
      ['DELETE', `/api/management/feeds/delete/${feed}`],
      ['GET', `/api/security/privileges?feed=${feed}`],
      ['GET', `/api/security/privileges?feed=${feed}&repo=app`],
      ['GET', `/api/security/privileges?feed=${feed}&repo=BAD`],
      ['GET', `/api/security/privileges?feed=${feed}&user=Admin`],
      ['GET', `/api/audit/list?feed=${feed}`],
      ['GET', `/api/audit/list?feed=${feed}&kind=manifest.*`],
      ['GET', `/api/audit/list?feed=${feed}&count=bad`],
    ] as const

  test.for(['closed', 'inactv', 'alias1', 'CLOSED', 'clos%65d'])(
    'says of the registry %s what it says of none',
    async (feed, { expect }) => {
      for (const as of ['anonymous', 'stranger', 'team', 'manager']) {
        for (const [at, [method, target]] of targets(feed).entries()) {
          const gone = 'x'.repeat(decodeURIComponent(feed).length)
          const [, absentTarget = ''] = targets(gone)[at] ?? []
          const one = await whole(as, `${method} ${target}`)
          const other = await whole(as, `${method} ${absentTarget}`)
          const shown = decodeURIComponent(feed)
          expect(
            one.replaceAll(shown, '<name>').replaceAll(feed, '<name>'),
            `${as} ${target}`,
          ).toBe(other.replaceAll(gone, '<name>'))
        }
      }
    },
  )

  test('answers of what is for administrators the same, whether it is there or not', async () => {
    for (const [there, gone] of [
      ['/api/security/users/delete?user=Admin', '/api/security/users/delete?user=Nobdy'],
      ['/api/security/groups/delete?group=a', '/api/security/groups/delete?group=b'],
      ['/api/api-keys/update?id=1', '/api/api-keys/update?id=9'],
      ['/api/api-keys/rotate?id=1', '/api/api-keys/rotate?id=9'],
      [
        '/api/management/feed-groups/delete?group=hidden',
        '/api/management/feed-groups/delete?group=absent',
      ],
    ] as const) {
      for (const as of ['anonymous', 'stranger', 'manager']) {
        const one = await whole(as, `POST ${there}`)
        expect(one, there).toMatch(/^HTTP\/1\.1 40[13] /)
        expect(one, there).toBe(await whole(as, `POST ${gone}`))
      }
    }
  })

  test('does not tell a feed group by the registry that somebody may not make in it', async () => {
    const create = async (feedGroup: string) => {
      const body = JSON.stringify({ name: 'new', feedGroup })
      const answer = await send(table().url, {
        method: 'POST',
        target: '/api/management/feeds/create',
        headers: { authorization: table().callers.team ?? '', 'content-type': 'application/json' },
        body,
      })
      return `${answer.status} ${answer.body}`
    }
    expect(await create('hidden')).toBe(await create('absent'))
  })

  test('does not tell by a name that is taken which registries there are, to who may not make any', async () => {
    const answers: string[] = []
    for (const name of ['closed', 'absent']) {
      const answer = await send(table().url, {
        method: 'POST',
        target: '/api/management/feeds/create',
        headers: {
          authorization: table().callers.stranger ?? '',
          'content-type': 'application/json',
        },
        body: JSON.stringify({ name }),
      })
      answers.push(`${answer.status} ${answer.body}`)
    }
    expect(answers[0]).toMatch(/^403 /)
    expect(answers[0]).toBe(answers[1])
  })

  test('lists no registry and no repository that is hidden', async () => {
    for (const as of ['stranger', 'team', 'manager', 'token']) {
      for (const target of [
        '/api/management/feeds/list',
        '/v2/_catalog',
        '/v2/_catalog?last=closed',
      ]) {
        const text = await whole(as, `GET ${target}`)
        expect(text, `${as} ${target}`).not.toMatch(/closed|inactv|alias1|hid/)
      }
    }
    expect(server().url).toBe(table().url)
  })
})
