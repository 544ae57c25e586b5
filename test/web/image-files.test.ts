import { describe, expect, test } from 'vitest'
import { type DemoImages, makeDemoImages } from '../support/demo-images.ts'
import { chromium, expectAccessible, usePages } from '../support/pages.ts'
import { pushImage } from '../support/push.ts'
import { openSignedIn } from '../support/signed-in.ts'

const patience = { timeout: 120_000 }

describe.skipIf(chromium.skip)(`the files of an image ${chromium.reason}`, patience, () => {
  let demo: DemoImages
  const pages = usePages(async (server) => {
    demo = await makeDemoImages()
    const table = { url: server.url, callers: { admin: server.admin } }
    await pushImage(table, 'main/app', demo.older, ['1.3'])
    await pushImage(table, 'main/app', demo.newer, ['1.10'])
    await pushImage(table, 'main/app', demo.hostile, ['hostile'])
  })
  const open = async (address: string) =>
    await openSignedIn(await pages.visit(), pages.server(), address)
  const here = '/containers/main/app:1.10?tab=files'

  test('a text of a gzip layer is opened, highlighted, and linked to', async () => {
    const page = await open(here)
    await page.getByRole('treeitem', { name: 'srv' }).click()
    await page.getByRole('treeitem', { name: 'app.py' }).click()
    const text = page.getByRole('region', { name: 'app.py' })
    await text.locator('.hljs-keyword').first().waitFor()
    expect(await text.textContent()).toContain('"app 1.4 listens on"')
    expect(new URL(page.url()).searchParams.get('path')).toBe('srv/app.py')
    await page.getByText('-rw-r--r-- (0644)').waitFor()
    await expectAccessible(page)
    await page.reload()
    await text.locator('.hljs-keyword').first().waitFor()
    await page.getByRole('treeitem', { name: 'app.py', selected: true }).waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download' }).click()
    expect((await download).suggestedFilename()).toBe('app.py')
  })

  test('pictures are shown, of binaries the facts', async () => {
    const page = await open(`${here}&path=srv/logo.png`)
    const picture = page.getByRole('img', { name: 'logo.png' })
    await picture.waitFor()
    const width = () => page.evaluate('document.querySelector(".file-image")?.naturalWidth')
    await expect.poll(width, { timeout: 20_000 }).toBe(48)
    await page.goto(`${here}&path=bin/sh`)
    await page.getByText('It is no text').waitFor()
    await page.getByText('-rwxr-xr-x', { exact: false }).or(page.getByText('(0644)')).waitFor()
    await page.goto(`${here}&path=srv/empty`)
    await page.getByText('The file is empty.').waitFor()
  })

  test('of one layer what it added, changed and deleted', async () => {
    const layer = demo.newer.layers.at(-1)?.digest ?? ''
    const page = await open(`${here}&layer=${layer}`)
    await page.getByRole('treeitem', { name: 'etc' }).click()
    await page.getByRole('treeitem', { name: 'motd' }).click()
    await page.getByText('This layer deleted it.').waitFor()
    await expectAccessible(page)
    await page.getByRole('combobox', { name: 'Files of' }).click()
    await page.getByRole('option', { name: /Layer 1,/ }).click()
    await page.getByRole('treeitem', { name: 'bin' }).waitFor()
    expect(new URL(page.url()).searchParams.get('layer')).toBe(demo.newer.layers[0]?.digest)
    await page.getByRole('combobox', { name: 'Files of' }).click()
    await page.getByRole('option', { name: 'The whole image' }).click()
    await page.getByRole('treeitem', { name: 'srv' }).waitFor()
  })

  test('a search finds paths, and opens what it found', async () => {
    const page = await open(here)
    await page.getByRole('textbox', { name: 'Search', exact: true }).fill('README')
    const found = page.getByRole('list', { name: 'Files found' })
    await found.getByRole('button', { name: 'usr/share/doc/readme.txt' }).click()
    await page.getByRole('heading', { name: '/usr/share/doc/readme.txt' }).waitFor()
    await expectAccessible(page)
    await page.getByRole('textbox', { name: 'Search', exact: true }).fill('no such')
    await page.getByText('No path has "no such" in it.').waitFor()
  })

  test('a hostile layer gets a message, nothing else', async () => {
    const page = await open('/containers/main/app:hostile?tab=files')
    const alert = page.getByRole('alert')
    await alert.getByText('The files cannot be shown').waitFor()
    await alert.getByText(demo.hostile.layers[1]?.digest ?? '').waitFor()
    await expectAccessible(page)
  })

  test('two tags are compared: configuration, layers, files, and a text line by line', async () => {
    const page = await open('/containers/main/app:1.10')
    await page.getByRole('button', { name: 'Compare with…' }).click()
    await page.getByRole('combobox', { name: 'Tag or digest' }).fill('1.3')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Compare', exact: true }).click()
    await page.waitForURL('**/app:1.10?compare=1.3')
    await page.getByRole('row', { name: 'APP_VERSION 1.3 1.4' }).waitFor()
    await page.getByText('2 layers kept').waitFor()
    await page.getByText('1 new, 2 changed, 2 gone.').waitFor()
    const changed = page.getByRole('button', { name: '/srv/app.py' })
    await changed.click()
    const diff = page.getByRole('region', { name: 'What changed in srv/app.py' })
    await diff.waitFor()
    expect(await diff.locator('.diff-removed').textContent()).toContain('-    print("listening on"')
    expect(await diff.locator('.diff-added').textContent()).toContain('app 1.4 listens on')
    expect(new URL(page.url()).searchParams.get('file')).toBe('srv/app.py')
    await expectAccessible(page)
    await page.getByRole('link', { name: 'The other way round' }).click()
    await page.waitForURL('**/app:1.3?compare=1.10')
    await page.getByRole('row', { name: 'APP_VERSION 1.4 1.3' }).waitFor()
  })

  test('what cannot be compared is told in words', async () => {
    pages.expectComplaint(/404/)
    const page = await open('/containers/main/app:1.10?compare=nothing')
    await page.getByRole('alert').first().waitFor()
    await page.goto('/containers/main/app:1.10?compare=1.10')
    await page.getByText('Both are the same image: nothing differs.').waitFor()
    await expectAccessible(page)
  })
})
