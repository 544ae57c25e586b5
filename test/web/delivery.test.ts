import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { pageRoots } from '../../contract/pages.ts'
import { describePages, usePages } from '../support/pages.ts'
import { startServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

const maxScriptBytes = 300_000
const html = { accept: 'text/html,*/*' }

describePages('how the pages are served', () => {
  const pages = usePages()
  const get = (target: string, headers: Readonly<Record<string, string>> = {}) =>
    send(pages.server().url, { method: 'GET', target, headers })

  test.for([
    ['/containers', 'Containers'],
    ['/administration/feed-groups', 'Feed groups'],
    ['/administration/health', 'Health'],
  ] as const)(
    'the first load of %s is small, compressed, and from this server alone',
    async ([address, heading]) => {
      const { page, openSignedIn } = await pages.visit()
      await openSignedIn(address)
      await page.getByRole('heading', { name: heading, exact: true }).waitFor()
      const loaded: { url: string; bytes: number; coding: string | undefined }[] = []
      page.on('response', async (response) => {
        const type = response.headers()['content-type'] ?? ''
        if (!type.startsWith('text/javascript')) return
        const coding = response.headers()['content-encoding']
        const { responseBodySize: bytes } = await response.request().sizes()
        loaded.push({ url: response.url(), bytes, coding })
      })
      const cached = await page.context().newCDPSession(page)
      await cached.send('Network.setCacheDisabled', { cacheDisabled: true })
      await page.reload({ waitUntil: 'networkidle' })
      expect(loaded.length).toBeGreaterThan(2)
      let gzipBytes = 0
      // A module that was preloaded comes twice while nothing is cached.
      for (const [url, { coding }] of new Map(loaded.map((one) => [one.url, one]))) {
        expect(coding).toMatch(/^(?:br|gzip)$/)
        const { body } = await get(new URL(url).pathname, { 'accept-encoding': 'gzip' })
        gzipBytes += body.byteLength
      }
      expect(gzipBytes).toBeLessThan(maxScriptBytes)
    },
  )

  test('an address that nothing has is a page for a browser, and a problem for a program', async () => {
    const { page, open } = await pages.visit()
    pages.expectComplaint(/404/)
    await open('/containres/main')
    await page.getByRole('heading', { name: 'No such page' }).waitFor()
    const answers = [
      [await get('/containres', html), 404, 'text/html; charset=utf-8'],
      [await get('/containres'), 404, 'application/problem+json'],
      [await get('/api/containres', html), 404, 'application/problem+json'],
    ] as const
    for (const [{ status, headers }, expected, type] of answers) {
      expect([status, headers['content-type']]).toEqual([expected, type])
    }
  })

  test.for(pageRoots)('%s and below answer with the page and a strict policy', async (root) => {
    for (const target of [root, `${root}/`, `${root}/a/${'b'.repeat(400)}:1.4@sha256:0?c=d`]) {
      const answer = await get(target, html)
      expect([answer.status, answer.headers['content-type']]).toEqual([
        200,
        'text/html; charset=utf-8',
      ])
      const policy = answer.headers['content-security-policy'] ?? ''
      expect(policy).toContain("default-src 'none'; script-src 'self';")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toMatch(/unsafe|http|\*/)
      expect(answer.headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'same-origin',
      })
    }
  })

  test('the nonce of the page is that of its policy, and another each time', async () => {
    const seen = new Set<string>()
    for (let time = 0; time < 3; time += 1) {
      const answer = await get('/containers')
      const nonce = /nonce="([^"]+)"/.exec(answer.body.toString())?.[1] ?? ''
      expect(answer.headers['content-security-policy']).toContain(`'nonce-${nonce}'`)
      seen.add(nonce)
    }
    expect(seen.size).toBe(3)
  })

  test('the policy refuses what somebody gets into a page', async () => {
    const { page, open } = await pages.visit()
    pages.expectComplaint(/Content Security Policy|ERR_BLOCKED/)
    await open('/sign-in')
    await page.evaluate(() => {
      document.body.innerHTML += `<img src="x" onerror="globalThis.pwned = 1">
        <iframe srcdoc="<script>parent.pwned = 2</script>"></iframe>`
      const script = document.createElement('script')
      script.textContent = 'globalThis.pwned = 3'
      document.body.append(script)
      const outside = document.createElement('script')
      outside.src = 'http://127.0.0.1:1/evil.js'
      document.body.append(outside)
    })
    await page.waitForTimeout(300)
    expect(await page.evaluate('globalThis.pwned')).toBeUndefined()
    pages.expectComplaint(/404|outside: http:\/\/127\.0\.0\.1:1/)
  })

  test('assets are kept for good, in the coding that the client takes', async () => {
    const index = (await get('/', html)).body.toString()
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(index)?.[1] ?? ''
    const plain = await get(script)
    const zipped = await get(script, { 'accept-encoding': 'gzip, deflate' })
    expect(plain.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
    })
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(zipped.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(zipped.body).equals(plain.body)).toBe(true)
    expect((await get(script, { 'accept-encoding': 'br' })).headers['content-encoding']).toBe('br')
    const none = await get(script, { 'accept-encoding': 'br;q=0, gzip;q=0.0' })
    expect(none.headers['content-encoding']).toBeUndefined()
    const etag = zipped.headers.etag ?? ''
    expect(etag).not.toBe(plain.headers.etag)
    const again = await get(script, { 'accept-encoding': 'gzip', 'if-none-match': etag })
    expect([again.status, again.body.byteLength]).toEqual([304, 0])
  })

  test.for(['/assets/', '/assets/..%2findex.html', '/assets/nothing.js'])(
    '%s is no page',
    async (target) => {
      const answer = await get(target, html)
      expect([answer.status, answer.headers['content-type']]).toEqual([
        404,
        'application/problem+json',
      ])
    },
  )

  test('a browser gets the pages at the root, a script the words', async () => {
    expect((await get('/', html)).headers['content-type']).toBe('text/html; charset=utf-8')
    const words = await get('/', { accept: '*/*' })
    expect(words.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(words.body.toString()).toContain('private Docker/OCI registry')
  })
})

test('without built pages the server says so, and how to build them', async () => {
  await using server = await startServer()
  const answer = await send(server.url, { method: 'GET', target: '/containers', headers: html })
  expect(answer.status).toBe(503)
  expect(answer.body.toString()).toContain('npm run build')
  const home = await send(server.url, { method: 'GET', target: '/', headers: html })
  expect(home.body.toString()).toContain('npm run build')
})
