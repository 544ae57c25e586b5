import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { CallError, type Client, call, callPage } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { describeDatabases } from '../support/databases.ts'
import { startServer, type TestServer } from '../support/server.ts'

describeDatabases('settings and the audit', ({ dialect, newUrl }) => {
  let server: TestServer
  let admin: Client
  beforeAll(async () => {
    server = await startServer(dialect === 'postgres' ? { databaseUrl: await newUrl() } : {})
    admin = clientOf(server.url, server.admin)
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const set = (name: string, value?: string) =>
    call(admin, api.settings.set, { query: { name, ...(value !== undefined && { value }) } })

  test('a setting is set, counts at once, and goes back to its default', async () => {
    const all = await call(admin, api.settings.list, { query: { showAll: 'True' } })
    expect(all).toContainEqual(
      expect.objectContaining({ name: 'Web.BaseUrl', value: '', valueType: 'text', fixed: false }),
    )
    expect(await set('web.baseurl', 'https://registry.example.test')).toMatchObject({
      name: 'Web.BaseUrl',
      value: 'https://registry.example.test',
    })
    const feed = await call(admin, api.feeds.get, { params: { name: 'main' } })
    expect(feed.endpointUrl).toBe('https://registry.example.test/main')
    const changed = await call(admin, api.settings.list)
    expect(changed.map(({ name }) => name)).toContain('Web.BaseUrl')
    await set('Web.BaseUrl')
    const after = await call(admin, api.settings.list)
    expect(after.map(({ name }) => name)).not.toContain('Web.BaseUrl')
  })

  const bad: readonly (readonly [name: string, value: string, field: string])[] = [
    ['No.Such', '1', 'name'],
    ['constructor', '1', 'name'],
    ['Web.BaseUrl', 'https://host/path', 'value'],
    ['Web.BaseUrl', 'nonsense', 'value'],
    ['Sessions.IdleMinutes', '0', 'value'],
    ['Sessions.IdleMinutes', '1.5', 'value'],
    ['Api.AllowPseudoKeys', 'maybe', 'value'],
  ]
  test.for(bad)('%s cannot be "%s"', async ([name, value, field]) => {
    const error = await set(name, value).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(CallError)
    expect((error as CallError).problem).toMatchObject({ status: 422, errors: [{ field }] })
  })

  test('what was done is in the audit, newest first, with who and from where', async () => {
    await call(admin, api.feeds.create, { body: { name: 'audited' } })
    await call(admin, api.feeds.update, { params: { name: 'audited' }, body: { active: false } })
    await set('Sessions.IdleMinutes', '60')
    const page = await callPage(admin, api.audit.list, { query: { count: '3' } })
    const list = page.items
    expect(list.map(({ id }) => id)).toEqual(list.map(({ id }) => id).sort((a, b) => b - a))
    expect(page.next).toBe(String(list.at(-1)?.id))
    const ofFeed = await call(admin, api.audit.list, { query: { feed: 'audited' } })
    expect(ofFeed.map(({ kind }) => kind)).toEqual(['feed.changed', 'feed.created'])
    for (const entry of ofFeed) {
      expect(entry).toMatchObject({ by: 'Admin', address: '127.0.0.1', feed: 'audited' })
    }
    const settings = await call(admin, api.audit.list, { query: { kind: 'setting.*' } })
    expect(settings[0]).toMatchObject({
      kind: 'setting.changed',
      detail: { name: 'Sessions.IdleMinutes', value: '60' },
    })
    expect(new Set(settings.map(({ kind }) => kind))).toEqual(new Set(['setting.changed']))
    expect(await call(admin, api.audit.list, { query: { by: 'nobody' } })).toEqual([])
    const [newest] = settings
    const until = await call(admin, api.audit.list, { query: { to: newest?.at ?? '' } })
    expect(until.every(({ at }) => at < (newest?.at ?? ''))).toBe(true)
    const pages: number[] = []
    for (let after: string | null | undefined; after !== null; ) {
      const next: { items: { id: number }[]; next: string | null } = await callPage(
        admin,
        api.audit.list,
        { query: { count: '4', ...(after !== undefined && { after }) } },
      )
      pages.push(...next.items.map(({ id }) => id))
      after = next.next
    }
    const whole = await call(admin, api.audit.list, { query: { count: '1000' } })
    expect(pages.slice(-5)).toEqual(whole.map(({ id }) => id).slice(-5))
    expect(new Set(pages).size).toBe(pages.length)
  })
})
