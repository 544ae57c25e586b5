import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { type Client, call, callPage } from '../../contract/call.ts'
import { clientOf, problemOf } from '../support/api-call.ts'
import { image } from '../support/content.ts'
import { pushImage } from '../support/push.ts'
import type { Table } from '../support/rows.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let admin: Client
beforeAll(async () => {
  server = await startServer()
  admin = clientOf(server.url, server.admin)
})
afterAll(() => server[Symbol.asyncDispose]())

const { retention } = api
const query = { feed: 'main' }

test('a rule is added, changed, ordered, and deleted', async () => {
  const first = await call(admin, retention.create, {
    query,
    body: { tags: ['pr-*'], pushedBeforeDays: 30 },
  })
  expect(first).toMatchObject({ enabled: true, deletes: 'tags', keepNewest: null, keepTags: [] })
  const second = await call(admin, retention.create, { query, body: { deletes: 'untagged' } })
  const rules = await call(admin, retention.order, { query, body: { rules: [second.id] } })
  expect(rules).toEqual([second, first])
  expect(await call(admin, retention.list, { query })).toEqual(rules)
  const changed = await call(admin, retention.update, {
    query: { ...query, id: String(first.id) },
    body: { enabled: false, pushedBeforeDays: null },
  })
  expect(changed).toEqual({ ...first, enabled: false, pushedBeforeDays: null })
  const audited = await call(admin, api.audit.list, { query: { kind: 'retention.*' } })
  expect(audited.map(({ kind }) => kind)).toEqual([
    ...['retention.changed', 'retention.ordered', 'retention.created', 'retention.created'],
  ])
  for (let i = 0; i < 2; i++) {
    await call(admin, retention.delete, { query: { ...query, id: String(second.id) } })
  }
  expect(await call(admin, retention.list, { query })).toEqual([changed])
})

test('a rule that says nothing, or nonsense, is refused by field', async () => {
  const create = (body: object) =>
    problemOf(call(admin, retention.create, { query, body: body as never }))
  expect(await create({})).toMatchObject({ status: 422, errors: [{ field: 'deletes' }] })
  expect(await create({ keepTags: ['latest'] })).toMatchObject({
    ...{ status: 422, errors: [{ field: 'deletes' }] },
  })
  expect(await create({ tags: ['a b'], versions: 'x y' })).toMatchObject({
    ...{ status: 422, errors: [{ field: 'tags' }, { field: 'versions' }] },
  })
  expect((await create({ pushedBeforeDays: 0 })).errors).toMatchObject([
    { field: 'pushedBeforeDays' },
  ])
  const missing = { ...query, id: '999999' }
  const update = call(admin, retention.update, { query: missing, body: {} })
  expect((await problemOf(update)).status).toBe(404)
})

test('a rule is tried before it is saved, page by page', async () => {
  const table: Table = { url: server.url, callers: { admin: server.admin } }
  await call(admin, api.settings.set, { query: { name: 'Cleanup.GraceSeconds', value: '0' } })
  for (const tag of ['pr-1', 'pr-2', 'pr-3']) {
    await pushImage(table, 'main/app', image(tag, { layerCount: 1 }), [tag, `${tag}-kept`])
  }
  const body = { tags: ['pr-*'], keepTags: ['*-kept'] }
  const first = await callPage(admin, retention.try, { query: { ...query, count: '4' }, body })
  expect(first.items.map(({ tag, outcome }) => [tag, outcome])).toEqual([
    ...[
      ['pr-1', 'goes'],
      ['pr-1-kept', 'stays'],
      ['pr-2', 'goes'],
      ['pr-2-kept', 'stays'],
    ],
  ])
  expect(first.items[0]).toMatchObject({
    ...{ repository: 'app', rule: null, reason: 'the tag is pr-*', of: null },
  })
  const after = first.next ?? ''
  const rest = await callPage(admin, retention.try, { query: { ...query, after }, body })
  expect(rest.items.map(({ tag }) => tag)).toEqual(['pr-3', 'pr-3-kept'])
  expect(rest.next).toBe(null)
  const empty = call(admin, retention.try, { query, body: { keepTags: ['x'] } })
  expect((await problemOf(empty)).status).toBe(422)
  const { id } = await call(admin, retention.create, { query, body: { ...body, enabled: false } })
  expect(await call(admin, retention.preview, { query })).toEqual([])
  const one = await call(admin, retention.preview, { query: { ...query, rule: String(id) } })
  expect(one).toEqual([...first.items, ...rest.items].map((item) => ({ ...item, rule: id })))
})
