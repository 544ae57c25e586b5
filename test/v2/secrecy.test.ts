import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  absentDigest,
  artifact,
  descriptor,
  image,
  manifestOf,
  mediaTypes,
} from '../support/content.ts'
import { pushImage, pushManifest } from '../support/push.ts'
import { fetchToken } from '../support/rows.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Answer, type RequestHeaders, send } from '../support/wire.ts'

let server: TestServer
const callers: Record<string, string> = {}
const hidden = image('hidden')
const nowhere = {
  layer: absentDigest('no layer'),
  config: absentDigest('no config'),
  manifest: absentDigest('no manifest'),
}
const known = {
  layer: hidden.layers[0]?.digest ?? '',
  config: hidden.config.digest,
  manifest: hidden.manifest.digest,
}

beforeAll(async () => {
  server = await startServer()
  await server.createFeed('secret')
  await server.createFeed('off', { active: false })
  const table = { url: server.url, callers: { admin: server.admin } }
  await pushImage(table, 'secret/app', hidden, ['v1'])
  await pushManifest(
    table,
    'secret/app',
    artifact('signature', 'application/vnd.example', {
      subject: descriptor(hidden.manifest),
      layers: [],
      config: descriptor(hidden.config, mediaTypes.config),
    }).manifest,
  )
  await pushImage(table, 'main/mine', image('mine'), ['v1'])
  callers.outsider = (await server.createKey('main', ['view', 'add', 'delete'])).authorization
  callers.token = `Bearer ${await fetchToken(server.url, callers.outsider, [
    'repository:main/mine:pull,push,delete',
    'repository:secret/app:pull,push,delete',
  ])}`
})
afterAll(() => server[Symbol.asyncDispose]())

interface Question {
  readonly name: string
  readonly method: string
  readonly target: string
  readonly headers?: RequestHeaders
  readonly body?: Uint8Array | string
}

async function ask(question: Question, as: string): Promise<Answer> {
  const authorization = callers[as]
  const { method, target, body } = question
  return await send(server.url, {
    method,
    target,
    headers: { ...(authorization !== undefined && { authorization }), ...question.headers },
    ...(body !== undefined && { body }),
  })
}

function pairsOf(there: readonly Question[], absent: readonly Question[]) {
  return there.flatMap((question, i) => {
    const other = absent[i]
    return other ? [[question.name, question, other] as const] : []
  })
}

/** All that an outsider sees of an answer, with what it said itself taken out. */
function seen(answer: Answer, said: Readonly<Record<string, string>>) {
  const blank = (text: string) =>
    Object.entries(said)
      .reduce((rest, [word, value]) => rest.replaceAll(value, `<${word}>`), text)
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}/g, '<id>')
  const headers = answer.rawHeaders
    .filter(([name]) => name.toLowerCase() !== 'date')
    .map(([name, value]) => [name, blank(value)])
  return { status: answer.status, headers, body: blank(answer.body.toString('utf8')) }
}

describe('content that is elsewhere answers as content that is nowhere', () => {
  const questions = ({ layer, config, manifest }: typeof known): Question[] => {
    const uploads = '/v2/main/mine/blobs/uploads/'
    const put = (value: object): Omit<Question, 'name' | 'target'> => ({
      method: 'PUT',
      headers: { 'content-type': mediaTypes.image },
      body: manifestOf(value).bytes,
    })
    const of = (digest: string, mediaType: string) => ({ digest, size: 2, mediaType })
    const referring = (layerDigest: string, configDigest: string) => ({
      schemaVersion: 2,
      mediaType: mediaTypes.image,
      config: of(configDigest, mediaTypes.config),
      layers: [of(layerDigest, mediaTypes.layer)],
    })
    return [
      ...['GET', 'HEAD', 'DELETE'].flatMap((method) => [
        { name: `${method} blob`, method, target: `/v2/main/mine/blobs/${layer}` },
        { name: `${method} manifest`, method, target: `/v2/main/mine/manifests/${manifest}` },
        {
          name: `${method} manifest by a config`,
          method,
          target: `/v2/main/mine/manifests/${config}`,
        },
      ]),
      {
        name: 'GET with a range',
        method: 'GET',
        target: `/v2/main/mine/blobs/${layer}`,
        headers: { range: 'bytes=0-0' },
      },
      {
        name: 'HEAD if none match',
        method: 'HEAD',
        target: `/v2/main/mine/blobs/${layer}`,
        headers: { 'if-none-match': `"${layer}"` },
      },
      {
        name: 'GET if none match',
        method: 'GET',
        target: `/v2/main/mine/manifests/${manifest}`,
        headers: { 'if-none-match': '*' },
      },
      { name: 'referrers', method: 'GET', target: `/v2/main/mine/referrers/${manifest}` },
      {
        name: 'mount from there',
        method: 'POST',
        target: `${uploads}?mount=${layer}&from=secret/app`,
      },
      {
        name: 'mount from another',
        method: 'POST',
        target: `${uploads}?mount=${layer}&from=secret/none`,
      },
      {
        name: 'mount from an absent feed',
        method: 'POST',
        target: `${uploads}?mount=${layer}&from=absent/app`,
      },
      { name: 'mount from anywhere', method: 'POST', target: `${uploads}?mount=${layer}` },
      {
        name: 'mount and push',
        method: 'POST',
        target: `${uploads}?mount=${layer}&digest=${layer}`,
      },
      {
        name: 'commit of an upload that is none',
        method: 'PUT',
        target: `${uploads}none?digest=${layer}`,
      },
      {
        name: 'push of other bytes',
        method: 'POST',
        target: `${uploads}?digest=${layer}`,
        body: 'x',
      },
      {
        name: 'manifest with that layer',
        target: '/v2/main/mine/manifests/x',
        ...put(referring(layer, layer)),
      },
      {
        name: 'manifest with that config',
        target: '/v2/main/mine/manifests/x',
        ...put(referring(config, config)),
      },
      {
        name: 'index with that child',
        target: '/v2/main/mine/manifests/x',
        method: 'PUT',
        headers: { 'content-type': mediaTypes.index },
        body: JSON.stringify({
          schemaVersion: 2,
          mediaType: mediaTypes.index,
          manifests: [of(manifest, mediaTypes.image)],
        }),
      },
      {
        name: 'manifest under that digest',
        target: `/v2/main/mine/manifests/${manifest}`,
        ...put({}),
      },
    ]
  }
  const pairs = pairsOf(questions(known), questions(nowhere))

  for (const as of ['outsider', 'token', 'anonymous']) {
    test.for(pairs)(`%s, ${as}`, async ([, there, absent], { expect }) => {
      const one = seen(await ask(there, as), known)
      const other = seen(await ask(absent, as), nowhere)
      expect(one).toEqual(other)
    })
  }
})

describe('a feed that the caller may not view answers as one that is not there', () => {
  const id = '1b4e28ba-2fa1-11d2-883f-0016d3cca427'
  const questions = (feed: string): Question[] =>
    (
      [
        ['GET', 'manifests/v1'],
        ['HEAD', 'manifests/v1'],
        ['GET', `manifests/${known.manifest}`],
        ['GET', `manifests/${known.config}`],
        ['PUT', 'manifests/v1'],
        ['DELETE', `manifests/${known.manifest}`],
        ['DELETE', 'manifests/v1'],
        ['POST', 'manifests/v1'],
        ['GET', `blobs/${known.layer}`],
        ['HEAD', `blobs/${known.layer}`],
        ['DELETE', `blobs/${known.layer}`],
        ['POST', 'blobs/uploads/'],
        ['POST', `blobs/uploads/?mount=${known.layer}&from=main/mine`],
        ['POST', `blobs/uploads/?digest=${known.layer}`],
        ['GET', `blobs/uploads/${id}`],
        ['PATCH', `blobs/uploads/${id}`],
        ['PUT', `blobs/uploads/${id}?digest=${known.layer}`],
        ['DELETE', `blobs/uploads/${id}`],
        ['GET', 'tags/list'],
        ['GET', 'tags/list?n=0'],
        ['GET', 'tags/list?n=bad'],
        ['GET', `referrers/${known.manifest}`],
        ['GET', 'referrers/bad'],
        ['GET', 'nonsense/x'],
      ] as const
    ).map(([method, rest]) => ({
      name: `${method} ${rest}`,
      method,
      target: `/v2/${feed}/app/${rest}`,
    }))

  for (const feed of ['secret', 'SECRET', 'off']) {
    const absentName = feed === 'SECRET' ? 'ABSENT' : 'absent'
    const pairs = pairsOf(questions(feed), questions(absentName))
    for (const as of ['outsider', 'token', 'anonymous']) {
      test.for(pairs)(`%s, ${feed}, ${as}`, async ([, there, absent], { expect }) => {
        const one = seen(await ask(there, as), { feed: feed.toLowerCase(), FEED: feed })
        const other = seen(await ask(absent, as), {
          feed: 'absent',
          FEED: absentName,
        })
        // The name that was asked for decides the length of what repeats it.
        const short = (answer: typeof one) => ({
          ...answer,
          headers: answer.headers.filter(([name]) => name?.toLowerCase() !== 'content-length'),
        })
        expect(short(one)).toEqual(short(other))
      })
    }
  }

  test('and the catalog, the token and nobody’s lists tell nothing of it', async () => {
    for (const as of ['outsider', 'anonymous']) {
      const answer = await ask({ name: '', method: 'GET', target: '/v2/_catalog' }, as)
      expect(answer.body.toString()).not.toContain('secret')
      const token = await ask(
        { name: '', method: 'GET', target: '/v2/_auth?scope=repository:secret/app:pull,push' },
        as,
      )
      const [, claims = ''] = (/"token":"([^"]+)"/.exec(token.body.toString())?.[1] ?? '').split(
        '.',
      )
      expect(Buffer.from(claims, 'base64url').toString()).not.toContain('secret')
    }
  })
})
