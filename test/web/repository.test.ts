import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { descriptor, image, index, type ManifestContent, mediaTypes } from '../support/content.ts'
import { chromium, expectAccessible, usePages } from '../support/pages.ts'
import { pushImage, pushManifest } from '../support/push.ts'
import type { Table } from '../support/rows.ts'

describe.skipIf(chromium.skip)(`a repository ${chromium.reason}`, { timeout: 300_000 }, () => {
  const pages = usePages()
  const table = () => ({ url: pages.server().url, callers: { admin: pages.server().admin } })

  test('tags are paged, sorted and filtered by the server', async () => {
    const one = image('many')
    await pushImage(table(), 'main/many', one, ['1.0'])
    for (let minor = 1; minor < 120; minor += 1) {
      await pushManifest(table(), 'main/many', one.manifest, `1.${minor}`)
    }
    await pushImage(table(), 'main/many', image('other'), ['release'])
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main/many')
    await page.getByRole('link', { name: 'release', exact: true }).waitFor()
    expect(await namesOf(page)).toHaveLength(50)
    await expectAccessible(page)
    await page.getByRole('combobox', { name: 'Order' }).selectOption('Highest version first')
    await page.waitForURL('**?sort=version-desc')
    // Words stand above all numbers.
    await pollNames(page, (names) => names.slice(0, 3)).toEqual(['release', '1.119', '1.118'])
    await page.getByRole('button', { name: 'Next' }).click()
    await pollNames(page, ([first]) => first).toBe('1.70')
    expect(await namesOf(page)).toHaveLength(50)
    await page.getByRole('searchbox', { name: 'Filter tags' }).fill('RELE')
    await pollNames(page).toEqual(['release'])
    // The link says what is seen.
    await page.reload()
    await pollNames(page).toEqual(['release'])
    await page.getByRole('searchbox', { name: 'Filter tags' }).fill('nothing like it')
    await page.getByRole('heading', { name: 'No tag is like that' }).waitFor()
    await expectAccessible(page)
  })

  test('tags of one image stand together with its platforms, and can be filtered by one', async () => {
    await pushIndex(table(), 'main/platforms', ['amd64', 'arm64'], ['2.0', 'latest'])
    await pushIndex(table(), 'main/platforms', ['s390x'], ['1.0'])
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main/platforms?sort=name-asc')
    await page.getByRole('link', { name: 'latest', exact: true }).waitFor()
    const rows = page.getByRole('row')
    await rows.filter({ hasText: '2.0' }).getByText('amd64').waitFor()
    // The digest, once for both.
    expect(await page.getByRole('button', { name: 'Copy the digest' }).count()).toBe(2)
    await page.getByRole('combobox', { name: 'Platform' }).fill('linux/s390x')
    await pollNames(page).toEqual(['1.0'])
    await page.waitForURL(({ searchParams }) => searchParams.get('platform') === 'linux/s390x')
  })

  test('a tag that is pushed shows itself without reloading', async () => {
    await pushImage(table(), 'main/live', image('one'), ['1', '2', '3'])
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main/live')
    await page.getByRole('link', { name: '3', exact: true }).waitFor()
    await pushImage(table(), 'main/live', image('two'), ['4'])
    await page.locator('tr[data-fresh]').filter({ hasText: '4' }).waitFor()
  })

  test('tags alone are deleted by keyboard; what stays without a tag is told first', async () => {
    const old = image('old')
    await pushImage(table(), 'main/keys', old, ['1.0'])
    await pushImage(table(), 'main/keys', image('new'), ['2.0'])
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main/keys?sort=name-asc')
    await page.getByRole('link', { name: '1.0', exact: true }).waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('x')
    await page.getByText('1 tag chosen').waitFor()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Delete…' }).focus()
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Delete 1.0?' })
    await dialog.getByText('Stay without any tag: 1 image').waitFor()
    await expectAccessible(page)
    await dialog.getByRole('button', { name: 'Delete 1 tag', exact: true }).focus()
    await page.keyboard.press('Enter')
    await pollNames(page).toEqual(['2.0'])
    await page.getByRole('tab', { name: 'Untagged' }).click()
    await page.getByRole('link', { name: old.manifest.digest.slice(0, 19) }).waitFor()
    await expectAccessible(page)
  })

  test('images go with all their tags; the preview names the tags, children and what stays', async () => {
    const list = await pushIndex(table(), 'main/deep', ['amd64', 'arm64'], ['1.0', 'latest'])
    await pushImage(table(), 'main/deep', image('stays'), ['0.9'])
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main/deep')
    await page.getByRole('button', { name: 'Actions for 1.0' }).click()
    await page.getByRole('menuitem', { name: 'Delete…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Delete 1.0?' })
    await dialog.getByText('The image with all its tags').click()
    await dialog.getByText(/^latest →/).waitFor()
    expect(await dialog.getByText(/child of sha256:/).count()).toBe(2)
    await expectAccessible(page)
    // What comes while somebody reads is told, too.
    await pushManifest(table(), 'main/deep', list, 'late')
    await dialog.getByText(/^late →/).waitFor()
    await dialog.getByRole('button', { name: 'Delete 1 image and 3 tags' }).click()
    await pollNames(page).toEqual(['0.9'])
    await page.getByText('The audit log has it.').waitFor()
  })

  test('a tag that moved says where it pointed before', async () => {
    const [first, second] = [image('first'), image('second')]
    await pushImage(table(), 'main/moved', first, ['stable'])
    await pushImage(table(), 'main/moved', second, ['stable'])
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main/moved')
    await page.getByRole('button', { name: 'Actions for stable' }).click()
    await page.getByRole('menuitem', { name: 'History' }).click()
    const dialog = page.getByRole('dialog', { name: 'History of stable' })
    await dialog
      .getByRole('row')
      .filter({ hasText: 'moved' })
      .getByText(second.manifest.digest.slice(0, 19))
      .waitFor()
    await dialog
      .getByRole('row')
      .filter({ hasText: 'created' })
      .getByText(first.manifest.digest.slice(0, 19))
      .waitFor()
    await page.waitForURL('**?history=stable')
    await expectAccessible(page)
  })

  test('a repository is deleted after its name was typed', async () => {
    await pushImage(table(), 'main/team/to-go', image('to go'), ['1', '2'])
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main/team/to-go?tab=danger')
    await page.getByRole('button', { name: 'Delete the repository…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Delete team/to-go?' })
    await dialog.getByText('2 tags and 1 image go').waitFor()
    await expectAccessible(page)
    await dialog.getByLabel('Type team/to-go to confirm').fill('team/to-go')
    await dialog.getByRole('button', { name: 'Delete the repository' }).click()
    await page.waitForURL('**/containers/main')
    await page.getByRole('link', { name: 'team/to-go' }).waitFor({ state: 'detached' })
  })

  test('on a phone nothing is wider than the screen', async () => {
    const long = `feature-${'x'.repeat(100)}`
    await pushImage(table(), 'main/phone', image('phone'), [long])
    const { page, openSignedIn } = await pages.visit({
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
    })
    await openSignedIn('/containers/main/phone')
    await page.getByRole('link', { name: long }).waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390)
    await expectAccessible(page)
  })
})

/** Waits for the tags of the table, or for what `pick` takes of them. */
function pollNames(page: Page, pick: (names: string[]) => unknown = (names) => names) {
  return expect.poll(async () => pick(await namesOf(page)), { timeout: 30_000 })
}

/** The tags of the table, from above. */
async function namesOf(page: Page): Promise<string[]> {
  return await page.locator('table.tags tbody tr td:nth-child(2) a').allTextContents()
}

async function pushIndex(
  table: Table,
  name: string,
  architectures: readonly string[],
  tags: readonly string[],
): Promise<ManifestContent> {
  const entries = []
  for (const architecture of architectures) {
    const configBytes = JSON.stringify({ os: 'linux', architecture, rootfs: { type: 'layers' } })
    const child = image(`${name} ${architecture}`, { configBytes })
    await pushImage(table, name, child)
    const platform = { os: 'linux', architecture }
    entries.push(descriptor(child.manifest, mediaTypes.image, { platform }))
  }
  const list = index(entries)
  for (const tag of tags) await pushManifest(table, name, list, tag)
  return list
}
