import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { type DemoImages, makeDemoImages } from '../support/demo-images.ts'
import { chromium, expectAccessible, type Login, usePages } from '../support/pages.ts'
import { addPerson, tasks, untilRulesAreNew } from '../support/people.ts'
import { pushImage, pushManifest } from '../support/push.ts'
import type { Table } from '../support/rows.ts'
import { openSignedIn } from '../support/signed-in.ts'
import { send } from '../support/wire.ts'

const patience = { timeout: 120_000 }

describe.skipIf(chromium.skip)(`the page of an image ${chromium.reason}`, patience, () => {
  let demo: DemoImages
  let table: Table
  const pages = usePages(async (server) => {
    demo = await makeDemoImages()
    table = { url: server.url, callers: { admin: server.admin } }
    await pushImage(table, 'main/team/app', demo.older, ['1.3', '1.4'])
    for (const one of [demo.newer, demo.arm]) await pushImage(table, 'main/team/app', one)
    await pushManifest(table, 'main/team/app', demo.index, '1.4')
    await pushManifest(table, 'main/team/app', demo.index, 'latest')
    for (const one of [demo.signature, demo.sbom]) await pushImage(table, 'main/team/app', one)
    await pushImage(table, 'main/other', demo.older, ['1'])
  })
  const open = async (address: string, who?: Login) =>
    await openSignedIn(await pages.visit(), pages.server(), address, who)
  const here = '/containers/main/team/app:1.4'
  const tab = (page: Page, name: string) => page.getByRole('tab', { name })

  test('the digest on top, the lines that pull it, and what vouches for it', async () => {
    const page = await open(here)
    await page.getByRole('heading', { name: 'team/app:1.4' }).waitFor()
    await page.getByText(demo.index.digest, { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Copy the digest' }).waitFor()
    const image = `${new URL(pages.server().url).host}/main/team/app`
    const line = page.locator('.shell-lines pre')
    expect(await line.textContent()).toBe(`docker pull ${image}:1.4`)
    await page.getByText('by digest', { exact: true }).click()
    await page.getByText('podman', { exact: true }).click()
    expect(await line.textContent()).toBe(`podman pull ${image}@${demo.index.digest}`)
    await page.getByText('by tag', { exact: true }).click()
    await page.getByText('kubernetes', { exact: true }).click()
    expect(await line.textContent()).toBe(`image: ${image}:1.4`)
    await page.getByRole('button', { name: 'signed' }).waitFor()
    await page.getByRole('button', { name: 'SBOM' }).click()
    await page.getByText('application/spdx+json').waitFor()
    expect(new URL(page.url()).searchParams.get('tab')).toBe('referrers')
    await page.getByText('Signature', { exact: true }).waitFor()
    await expectAccessible(page)
  })

  test('the overview says what it starts, for the platform that is chosen', async () => {
    const page = await open(here)
    const fact = (name: string) => page.locator('.fact-list > div', { hasText: name }).locator('dd')
    await page.getByText('linux/amd64', { exact: true }).first().waitFor()
    expect(await fact('Entry point').textContent()).toBe('["python3","/srv/app.py"]')
    expect(await fact('Ports').textContent()).toBe('8080/tcp')
    expect(await fact('User').textContent()).toBe('app:app')
    expect(await fact('Tags that point here').getByRole('link').allTextContents()).toEqual([
      '1.4',
      'latest',
    ])
    await page.getByRole('row', { name: 'APP_VERSION 1.4' }).waitFor()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'linux/arm64/v8' }).click()
    await page.getByRole('heading', { name: 'linux/arm64/v8' }).waitFor()
    expect(new URL(page.url()).searchParams.get('platform')).toBe('linux/arm64/v8')
    await page.locator('.fact-list dd', { hasText: 'linux/arm64' }).waitFor()
  })

  test('layers with the commands that made them, and who else has them', async () => {
    const page = await open(`${here}?tab=layers&platform=linux/amd64`)
    const rows = page.getByRole('table', { name: 'Layers' }).locator('tbody tr')
    await rows.first().waitFor()
    expect(await rows.count()).toBe(4)
    expect(await rows.nth(0).textContent()).toContain('ADD file:5d1e0f in /')
    expect(await rows.nth(0).textContent()).toContain('main/other')
    expect(await rows.nth(1).textContent()).toContain('RUN apt-get update')
    await page.getByLabel('Show 4 steps that made no layer').click()
    expect(await rows.count()).toBe(8)
    await expectAccessible(page)
    await page.getByRole('link', { name: 'Files of layer 1' }).click()
    await page.getByRole('treeitem', { name: 'etc' }).waitFor()
  })

  test('the manifest as it was pushed, of the index and of its image', async () => {
    const page = await open(`${here}?tab=manifest`)
    const shown = page.getByRole('region', { name: 'Index' })
    await shown.waitFor()
    const text = demo.index.bytes.toString()
    expect(JSON.parse((await shown.textContent()) ?? '')).toEqual(JSON.parse(text))
    await expectAccessible(page)
    await page.getByText('Configuration', { exact: true }).click()
    await page.getByRole('region', { name: 'Configuration' }).waitFor()
    expect(new URL(page.url()).searchParams.get('show')).toBe('config')
  })

  test('history tells who pushed it and where the tag pointed', async () => {
    const page = await open(`${here}?tab=history`)
    const moves = page.getByRole('table', { name: 'Moves of the tag 1.4' }).locator('tbody tr')
    await moves.first().waitFor()
    expect(await moves.count()).toBe(2)
    expect(await moves.first().textContent()).toContain('this image')
    expect(await moves.first().textContent()).toContain(demo.older.manifest.digest.slice(0, 19))
    expect(await moves.last().textContent()).toContain('Admin')
    await page.getByRole('table', { name: 'History of the image' }).waitFor()
    await expectAccessible(page)
    await moves.first().getByRole('link', { name: 'Compare' }).click()
    await page.getByRole('region', { name: 'From' }).waitFor()
  })

  test('usage tells of pulls and of who shares its layers', async () => {
    const page = await open(`${here}?tab=usage`)
    await page.getByRole('heading', { name: 'Pulls of the repository' }).waitFor()
    await page.getByRole('img').waitFor()
    await page.getByRole('link', { name: 'main/other' }).waitFor()
    await expectAccessible(page)
  })

  test('tabs, platforms and the tree go by keyboard alone', async () => {
    const page = await open(here)
    await tab(page, 'Overview').focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    const root = page.getByRole('treeitem', { name: '/' }).first()
    await root.waitFor()
    expect(await tab(page, 'Files').getAttribute('aria-selected')).toBe('true')
    await page.getByRole('treeitem', { name: 'bin' }).waitFor()
    await root.focus()
    const focused = () => page.evaluate('document.activeElement.dataset.path')
    for (const key of ['ArrowDown', 'ArrowRight']) await page.keyboard.press(key)
    expect(await focused()).toBe('bin')
    await page.getByRole('treeitem', { name: 'sh' }).waitFor()
    await page.keyboard.press('ArrowRight')
    expect(await focused()).toBe('bin/sh')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: '/bin/sh' }).waitFor()
    for (const key of ['ArrowLeft', 'ArrowLeft']) await page.keyboard.press(key)
    expect(await focused()).toBe('bin')
    await page.getByRole('treeitem', { name: 'sh' }).waitFor({ state: 'hidden' })
    await page.keyboard.press('End')
    expect(await focused()).toBe('var')
  })

  test('on a phone nothing is wider than it', async () => {
    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }
    const page = await openSignedIn(await pages.visit(phone), pages.server(), here)
    await page.locator('.shell-lines .copy').waitFor()
    const overlap = await page.evaluate(() => {
      const range = document.createRange()
      range.selectNodeContents(document.querySelector('.shell-lines pre') ?? document.body)
      const button = document.querySelector('.shell-lines .copy')?.getBoundingClientRect()
      const lines = [...range.getClientRects()].map(({ right }) => right)
      return Math.max(...lines) - (button?.left ?? 0)
    })
    expect(overlap).toBeLessThanOrEqual(0)
    for (const name of ['Overview', 'Layers', 'Files', 'Manifest', 'Referrers', 'History']) {
      await tab(page, name).click()
      await page.waitForLoadState('networkidle')
      const width = await page.evaluate('document.documentElement.scrollWidth')
      expect([name, width]).toEqual([name, 390])
    }
  })

  test('what is not there is told in words', async () => {
    pages.expectComplaint(/404/)
    const page = await open('/containers/main/team/app:nothing')
    await page.getByRole('alert').getByText('nothing').waitFor()
    await expectAccessible(page)
  })

  test('who may only view is not offered to delete', async () => {
    const viewer = await addPerson(pages.server(), 'viewer', { task: tasks.view, feed: 'main' })
    await untilRulesAreNew()
    const page = await open(here, { userName: viewer.name, password: viewer.password })
    await page.getByRole('button', { name: 'Compare with…' }).waitFor()
    await page.waitForLoadState('networkidle')
    expect(await page.getByRole('button', { name: 'Delete…' }).count()).toBe(0)
  })

  test('a tag is deleted alone, the image with all that goes, after a look at it', async () => {
    await pushImage(table, 'main/doomed', demo.newer)
    await pushImage(table, 'main/doomed', demo.arm)
    for (const name of ['one', 'two']) await pushManifest(table, 'main/doomed', demo.index, name)
    const page = await open('/containers/main/doomed:one')
    await page.getByRole('button', { name: 'Delete…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Go: 1 tag').waitFor()
    expect(await dialog.getByText(/^Follow with clean-up/).count()).toBe(0)
    await expectAccessible(page)
    await dialog.getByRole('button', { name: 'Delete 1 tag', exact: true }).click()
    await page.getByText('Deleted 1 tag. The audit log has it.').waitFor()
    await page.waitForURL('**/containers/main/doomed')
    await page.goto('/containers/main/doomed:two')
    await page.getByRole('button', { name: 'Delete…' }).click()
    await dialog.getByText('The image with all its tags').click()
    await dialog.getByText(/^Follow with clean-up/).waitFor()
    expect(await dialog.getByText(/child of sha256:/).count()).toBe(2)
    await dialog.getByRole('button', { name: 'Delete 1 image and 1 tag' }).click()
    await page.getByText('Deleted 1 image and 1 tag. The audit log has it.').waitFor()
    await page.waitForURL('**/containers/main/doomed')
    const headers = { authorization: pages.server().admin, accept: '*/*' }
    const target = '/v2/main/doomed/manifests/two'
    const gone = await send(pages.server().url, { method: 'GET', target, headers })
    expect(gone.status).toBe(404)
  })

  test('an image that an index lists is refused, in words', async () => {
    const page = await open(`/containers/main/team/app@${demo.arm.manifest.digest}`)
    await page.getByRole('button', { name: 'Delete…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Cannot go, as an index lists them: 1 image').waitFor()
    const button = dialog.getByRole('button', { name: /^Delete \d image/ })
    expect(await button.isDisabled()).toBe(true)
    await expectAccessible(page)
    await dialog.getByLabel(/Delete also what an index lists/).click()
    await dialog.getByText('Go: 1 image').waitFor()
    expect(await button.isEnabled()).toBe(true)
    await dialog.getByRole('button', { name: 'Cancel' }).click()
  })
})
