import { afterAll, beforeAll, expect, test } from 'vitest'
import { absentDigest, image } from '../support/content.ts'
import { describeDatabases } from '../support/databases.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic, jsonOf, type RequestHeaders, send } from '../support/wire.ts'

/** PostgreSQL takes no NUL in a text: what clients send must not get as far as that. */
describeDatabases('a NUL that a client sends', (databases) => {
  let server: TestServer | undefined
  beforeAll(async () => {
    server = await startServer({ databaseUrl: await databases.newUrl() })
    const table = { url: server.url, callers: { admin: server.admin } }
    await pushImage(table, 'main/app', image('app'), ['v1'])
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  const answerTo = async (
    request: string,
    more: { readonly body?: string; readonly headers?: RequestHeaders } = {},
  ) => {
    if (!server) throw new Error('the server did not start')
    const [method = '', target = ''] = request.split(' ')
    const headers = { authorization: server.admin, ...more.headers }
    return send(server.url, { method, target, ...more, headers })
  }
  const digest = absentDigest('nothing')
  const app = '/v2/main/app'

  const rows: [request: string, status: number, code: string | null][] = [
    [`GET ${app}/tags/list?last=%00`, 400, 'UNSUPPORTED'],
    [`GET ${app}/tags/list?last=a%0Ab`, 400, 'UNSUPPORTED'],
    ['GET /v2/_catalog?last=main%2Fa%00', 400, 'UNSUPPORTED'],
    ['GET /v2/_catalog?last=main%00%2Fa', 400, 'UNSUPPORTED'],
    [`GET ${app}/referrers/${digest}?last=%00`, 400, 'UNSUPPORTED'],
    [`GET ${app}/referrers/${digest}?artifactType=a/b%00`, 400, 'UNSUPPORTED'],
    [`GET ${app}/referrers/%00`, 400, 'DIGEST_INVALID'],
    ...['GET', 'PATCH', 'PUT', 'DELETE'].flatMap((method) =>
      ['%00', 'no-uuid', '6f1d7b0a-2f0e-4c59-9d3c-0d7b6a3c7c1%00'].map(
        (id): [string, number, string] => [
          `${method} ${app}/blobs/uploads/${id}?digest=${digest}`,
          404,
          'BLOB_UPLOAD_UNKNOWN',
        ],
      ),
    ),
    [`GET ${app}/manifests/v1%00`, 400, 'MANIFEST_INVALID'],
    [`PUT ${app}/manifests/v1?tag=a%00`, 400, 'MANIFEST_INVALID'],
    [`GET ${app}/blobs/${digest}%00`, 400, 'DIGEST_INVALID'],
    ['GET /v2/main/a%00/tags/list', 400, 'NAME_INVALID'],
    ['GET /v2/ma%00in/app/tags/list', 400, 'NAME_INVALID'],
    [`POST ${app}/blobs/uploads/?mount=${digest}&from=main%2Fa%00`, 202, null],
    [`POST ${app}/blobs/uploads/?mount=${digest}&from=ma%00in%2Fapp`, 202, null],
    [`POST ${app}/blobs/uploads/?mount=${digest}%00`, 400, 'DIGEST_INVALID'],
    [`POST ${app}/blobs/uploads/?digest=${digest}%00`, 400, 'DIGEST_INVALID'],
    [`POST ${app}/blobs/uploads/?digest-algorithm=%00`, 400, 'DIGEST_INVALID'],
    ['GET /v2/_auth?service=%00&scope=repository:ma%00in/app:pull', 200, null],
    ['GET /v2/_auth?account=%00&client_id=%00&offline_token=true', 200, null],
    ['GET /v2/_auth?scope=repository:main/a%00:pull', 200, null],
  ]
  test.each(rows)('%s is answered %i', async (request, status, code) => {
    const answer = await answerTo(request)
    expect(answer.status, answer.body.toString()).toBe(status)
    if (code !== null) expect(jsonOf(answer)).toMatchObject({ errors: [{ code }] })
  })

  test.each([
    ['a user name', basic('Ad\0min', 'x')],
    ['a password', basic('Admin', 'x\0')],
    ['an API key', basic('api', 'ent_\0')],
    ['a token', 'Bearer a\0b'.replace('\0', '%00')],
  ])('in %s is a wrong login', async (_, authorization) => {
    expect((await answerTo('GET /v2/', { headers: { authorization } })).status).toBe(401)
    expect((await answerTo('GET /v2/_auth', { headers: { authorization } })).status).toBe(401)
  })

  test.each([
    ['username=Ad%00min&password=x', 401],
    ['username=Admin&password=%00', 401],
    ['username=api&password=ent_%00', 401],
    ['refresh_token=entr_%00', 401],
  ])('in the form %s is a wrong login', async (fields, status) => {
    const grant = fields.startsWith('refresh_token') ? 'refresh_token' : 'password'
    const answer = await answerTo('POST /v2/_auth', {
      body: `grant_type=${grant}&service=s&client_id=c%00&${fields}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(answer.status).toBe(status)
  })

  test("in a client's name does not stop it from logging in", async () => {
    const form = new URLSearchParams({
      ...{ grant_type: 'password', service: 's', client_id: 'c\0', access_type: 'offline' },
      ...{ username: 'Admin', password: server?.adminPassword ?? '' },
    })
    const answer = await answerTo('POST /v2/_auth', {
      body: form.toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(answer.status).toBe(200)
    expect(jsonOf(answer)).toMatchObject({ refresh_token: expect.any(String) })
  })

  test('in the texts of a manifest is kept, or refused as such', async () => {
    const empty = { mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] }
    const put = (more: object) =>
      answerTo(`PUT ${app}/manifests/nul`, {
        body: JSON.stringify({ schemaVersion: 2, ...empty, ...more }),
        headers: { 'content-type': empty.mediaType },
      })
    const subject = { mediaType: empty.mediaType, digest, size: 2 }
    const annotations = { 'a\0': 'b\0' }
    expect((await put({ subject, annotations })).status).toBe(201)
    const listed = await answerTo(`GET ${app}/referrers/${digest}`)
    expect(jsonOf(listed)).toMatchObject({ manifests: [{ annotations }] })
    expect((await put({ artifactType: 'a/b\0' })).status).toBe(400)
    expect((await put({ subject: { ...subject, digest: `${digest}\0` } })).status).toBe(400)
  })
})
