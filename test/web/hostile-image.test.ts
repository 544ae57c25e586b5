import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { buildImage } from '../support/built-image.ts'
import { paxOf, tarOf } from '../support/layers.ts'
import { describePages, expectAccessible, usePages } from '../support/pages.ts'
import { pushImage } from '../support/push.ts'

const markup = (number: number) => `<img src=x onerror="globalThis.pwned=${number}">`
const turned = 'photo\u202egpj.exe'
const long = 'x'.repeat(50_000)

/** Whatever an image can say, said to do harm. */
const said = {
  [markup(1)]: markup(2),
  ['__proto__']: 'a label like any other',
  'org.opencontainers.image.source': 'javascript:globalThis.pwned=3',
  'org.opencontainers.image.title': turned,
  long,
}

async function hostileImage() {
  const name = 'f'.repeat(3000)
  const files = tarOf([
    { name: markup(4), content: 'markup\n' },
    { name: turned, content: `if admin:\u202e return \u2066 # only\n` },
    { name: '\u001b[2Jcleared', content: 'x' },
    { name: '../../etc/passwd', content: 'root\n' },
    { name: 'page.html', content: '<script>globalThis.pwned=5</script>' },
    { name: 'link', type: '2', link: 'javascript:globalThis.pwned=6' },
    paxOf({ path: `long/${name}` }),
    { name: 'short', content: 'long\n' },
  ])
  const steps = [
    { command: `RUN ${markup(7)} ${turned} ${long}`, bytes: gzipSync(files) },
    { command: `ENV ${turned}` },
  ]
  return await buildImage(steps, {
    config: { Labels: said, Env: ['A=1', 'A=2', `${turned}=${markup(8)}`], User: turned },
    fields: { annotations: { [markup(9)]: turned } },
  })
}

describePages('an image that says harmful things', () => {
  const pages = usePages(async (server) => {
    const table = { url: server.url, callers: { admin: server.admin } }
    await pushImage(table, 'main/hostile', await hostileImage(), ['1'])
  })

  test.for([
    ['overview', '', 'javascript:globalThis'],
    ['layers', '?tab=layers', 'RUN <img'],
    ['files', '?tab=files', '[2Jcleared'],
    ['a text', `?tab=files&path=${encodeURIComponent(turned)}`, 'if admin:'],
    ['a long path', `?tab=files&find=ffff`, 'ffffffff'],
    ['a link', '?tab=files&path=link', 'Leads to'],
    ['manifest', '?tab=manifest', 'schemaVersion'],
    ['configuration', '?tab=manifest&show=config', '"history"'],
  ] as const)('%s: it is text, in its order and in its place', async ([, query, content]) => {
    const phone = { viewport: { width: 390, height: 844 } }
    const { page, openSignedIn } = await pages.visit(phone)
    await openSignedIn(`/containers/main/hostile:1${query}`)
    await page.getByText(content).first().waitFor()
    const found = await page.evaluate(() => ({
      pwned: 'pwned' in globalThis,
      elements: document.querySelectorAll('img[src=x],a[href^="javascript:"]').length,
      hidden: /[^\P{Cc}\n\t]|\p{Bidi_Control}/u.exec(document.body.innerText)?.[0],
      width: document.documentElement.scrollWidth,
    }))
    expect(found).toEqual({ pwned: false, elements: 0, width: 390 })
    await expectAccessible(page)
  })

  test('what turns the order round is written out; nothing that is said is lost', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main/hostile:1')
    await page.getByRole('row', { name: 'photo\\u202egpj.exe' }).first().waitFor()
    const environment = page.getByRole('region', { name: 'Environment' }).getByRole('row')
    expect(await environment.count()).toBe(3)
    await page.goto('/containers/main/hostile:1?tab=files')
    await page.getByRole('treeitem', { name: 'photo\\u202egpj.exe' }).click()
    const text = page.getByRole('region', { name: 'photo' })
    await text.waitFor()
    expect(await text.textContent()).toBe('if admin:\\u202e return \\u2066 # only\n')
  })
})
