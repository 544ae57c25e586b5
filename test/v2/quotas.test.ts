import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Content, contentOf, image, manifestOf, seededBytes } from '../support/content.ts'
import { pushBlob, pushImage, pushManifest } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Answer, jsonOf, send, type WireRequest } from '../support/wire.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const table = () => ({ url: server.url, callers: { admin: server.admin } })
const ask = (request: WireRequest): Promise<Answer> =>
  send(server.url, { ...request, headers: { authorization: server.admin, ...request.headers } })

let count = 0
/** A registry of its own, with a blob of 600 bytes in it. */
async function feedWith(quotaBytes: number | null): Promise<{ feed: string; there: Content }> {
  count += 1
  const feed = `feed${count}`
  await server.createFeed(feed)
  const there = newContent(600)
  await pushBlob(table(), `${feed}/app`, there)
  await server.setFeed(feed, { quotaBytes })
  return { feed, there }
}

function newContent(bytes: number): Content {
  count += 1
  return contentOf(seededBytes(`quota ${count}`, bytes))
}

const start = (name: string, query = '') =>
  ask({ method: 'POST', target: `/v2/${name}/blobs/uploads/${query}` })
const locationOf = (answer: Answer) => answer.headers.location ?? ''
const isRefused = (answer: Answer, message: RegExp, detail: object) => {
  expect(answer.status, answer.body.toString()).toBe(403)
  const { errors } = jsonOf(answer) as { errors: { code: string; message: string }[] }
  expect(errors).toEqual([{ code: 'DENIED', message: expect.stringMatching(message), detail }])
}
const full =
  /^The quota of this registry is .* and .* are used, so nothing more fits: delete images/
const tooMuch = /^The quota of this registry is .* and .* are used, so .* more do not fit: delete/
/** Files of uploads and blobs. */
function countFiles(): number {
  const all = readdirSync(server.config.dataDir, { recursive: true, withFileTypes: true })
  return all.filter((each) => each.isFile() && !each.name.startsWith('entrepot.db')).length
}

describe('an upload that does not fit', () => {
  test('is refused when it starts, once there is no room at all', async () => {
    const { feed, there } = await feedWith(600)
    isRefused(await start(`${feed}/new`), full, { of: 'registry', quotaBytes: 600, usedBytes: 600 })
    expect((await start(`${feed}/new`, `?mount=${there.digest}&from=${feed}/app`)).status).toBe(201)
    expect((await start(`${feed}/other`, `?mount=${there.digest}`)).status).toBe(201)
    const elsewhere = newContent(10)
    isRefused(await start(`${feed}/new`, `?mount=${elsewhere.digest}&from=${feed}/app`), full, {
      ...{ of: 'registry', quotaBytes: 600, usedBytes: 600 },
    })
    await server.setFeed(feed, { quotaBytes: 601 })
    expect((await start(`${feed}/new`)).status).toBe(202)
  })

  test('is refused by its length, before its bytes are asked for', async () => {
    const { feed } = await feedWith(1000)
    const content = newContent(401)
    const detail = { of: 'registry', quotaBytes: 1000, usedBytes: 600, askedBytes: 401 }
    const whole = `/v2/${feed}/app/blobs/uploads/?digest=${content.digest}`
    const posted = { method: 'POST', target: whole, body: content.bytes, expectContinue: true }
    const refused = await ask(posted)
    isRefused(refused, tooMuch, detail)
    expect(refused.continued).toBe(false)
    const put = { method: 'PUT', body: content.bytes, expectContinue: true }
    const target = `${locationOf(await start(`${feed}/app`))}?digest=${content.digest}`
    isRefused(await ask({ ...put, target }), tooMuch, detail)
    const patched = { method: 'PATCH', body: content.bytes, headers: { 'content-range': '0-400' } }
    isRefused(await ask({ ...patched, target: locationOf(await start(`${feed}/app`)) }), tooMuch, {
      ...detail,
    })
  })

  test('is refused while it comes, ends, and leaves nothing behind', async () => {
    const { feed } = await feedWith(100_000)
    const files = countFiles()
    const target = locationOf(await start(`${feed}/app`))
    const first = newContent(60_000)
    expect((await ask({ method: 'PATCH', target, body: first.bytes, chunked: true })).status).toBe(
      202,
    )
    const second = await ask({ method: 'PATCH', target, body: first.bytes, chunked: true })
    isRefused(second, tooMuch, expect.objectContaining({ usedBytes: 600, quotaBytes: 100_000 }))
    expect((await ask({ method: 'GET', target })).status).toBe(404)
    expect(countFiles()).toBe(files)
  })

  test('is refused at its end, when others were faster, and ends', async () => {
    const { feed } = await feedWith(2000)
    const files = countFiles()
    const mine = newContent(1000)
    const target = locationOf(await start(`${feed}/app`))
    expect((await ask({ method: 'PATCH', target, body: mine.bytes })).status).toBe(202)
    await pushBlob(table(), `${feed}/app`, newContent(1000))
    const end = `${target}?digest=${mine.digest}`
    isRefused(await ask({ method: 'PUT', target: end }), tooMuch, {
      ...{ of: 'registry', quotaBytes: 2000, usedBytes: 1600, askedBytes: 1000 },
    })
    expect((await ask({ method: 'PUT', target: end })).status).toBe(404)
    expect(countFiles()).toBe(files + 1)
  })

  test('is refused by the quota of its repository, where the registry has room', async () => {
    const { feed, there } = await feedWith(null)
    await server.setFeed(feed, { repositoryQuotaBytes: 700 })
    const isOf = { of: 'repository', quotaBytes: 700 }
    const content = newContent(701)
    const target = `/v2/${feed}/second/blobs/uploads/?digest=${content.digest}`
    isRefused(await ask({ method: 'POST', target, body: content.bytes }), /of this repository is/, {
      ...{ ...isOf, usedBytes: 0, askedBytes: 701 },
    })
    await pushBlob(table(), `${feed}/second`, newContent(200))
    const mounted = await start(`${feed}/second`, `?mount=${there.digest}&from=${feed}/app`)
    isRefused(mounted, /of this repository is/, { ...isOf, usedBytes: 200, askedBytes: 600 })
  })
})

describe('nobody is refused', () => {
  test('who pushes again what is there, or only tags it, pulls or deletes', async () => {
    const { feed } = await feedWith(null)
    const app = image('again')
    await pushImage(table(), `${feed}/app`, app, ['1'])
    await server.setFeed(feed, { quotaBytes: 1, repositoryQuotaBytes: 1 })
    const name = `${feed}/app`
    for (const content of app.blobs) {
      const head = { method: 'HEAD', target: `/v2/${name}/blobs/${content.digest}` }
      expect((await ask(head)).status).toBe(200)
      const whole = `/v2/${name}/blobs/uploads/?digest=${content.digest}`
      expect((await ask({ method: 'POST', target: whole, body: content.bytes })).status).toBe(201)
    }
    await pushManifest(table(), name, app.manifest, '1')
    await pushManifest(table(), name, app.manifest, '2')
    const other = manifestOf({
      ...JSON.parse(app.manifest.bytes.toString()),
      annotations: { a: 'b' },
    })
    const target = `/v2/${name}/manifests/3`
    const headers = { 'content-type': other.mediaType }
    const refused = await ask({ method: 'PUT', target, headers, body: other.bytes })
    isRefused(refused, /^The quota of this repository is 1 bytes/, expect.anything())
    expect((await ask({ method: 'GET', target: `/v2/${name}/manifests/2` })).status).toBe(200)
    const gone = { method: 'DELETE', target: `/v2/${name}/manifests/${app.manifest.digest}` }
    expect((await ask(gone)).status).toBe(202)
  })
})

describe('who pushes is warned', () => {
  test('from 80 % on, by blobs, mounts and manifests', async () => {
    const { feed, there } = await feedWith(1000)
    const name = `${feed}/app`
    const push = (content: Content) =>
      ask({
        ...{ method: 'POST', target: `/v2/${name}/blobs/uploads/?digest=${content.digest}` },
        body: content.bytes,
      })
    expect((await push(newContent(199))).headers.warning).toBeUndefined()
    const told = (percent: string, used = '.*') =>
      expect.stringMatching(
        new RegExp(
          `^299 - "the quota of this registry is nearly used up: ${used} bytes of 1.00 kB \\(${percent} %\\)"$`,
        ),
      )
    expect((await push(newContent(1))).headers.warning).toEqual(told('80', '800'))
    const mounted = await start(`${feed}/two`, `?mount=${there.digest}&from=${name}`)
    expect([mounted.status, mounted.headers.warning]).toEqual([201, told('80')])
    await server.setFeed(feed, { quotaBytes: 100_000 })
    const app = image('warned')
    await pushImage(table(), name, app, ['1'])
    await server.setFeed(feed, { quotaBytes: 1000, repositoryQuotaBytes: 100 })
    const put = await pushManifest(table(), name, app.manifest, '1')
    const { warning } = put.headers
    expect(warning).toMatch(/this repository is .*", 299 - "the quota of this registry is/)
    expect(
      (await ask({ method: 'GET', target: `/v2/${name}/manifests/1` })).headers,
    ).not.toHaveProperty('warning')
  })
})
