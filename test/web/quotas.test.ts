import { expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { image } from '../support/content.ts'
import { describePages, expectAccessible, usePages } from '../support/pages.ts'
import { addPerson, tasks, untilRulesAreNew } from '../support/people.ts'
import { pushImage } from '../support/push.ts'

const app = image('quota pages')
const bytes = [...app.blobs, app.manifest].reduce((sum, each) => sum + each.bytes.byteLength, 0)

describePages('quotas', () => {
  const pages = usePages(async (server) => {
    await server.createFeed('shop')
    const table = { url: server.url, callers: { admin: server.admin } }
    await pushImage(table, 'shop/app', app, ['1'])
  })
  const feed = () =>
    call(clientOf(pages.server().url, pages.server().admin), api.feeds.get, {
      params: { name: 'shop' },
    })

  test('are set with units, shown as bars, and warn where little room is left', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/shop?tab=properties')
    const field = page.getByLabel('Quota', { exact: true })
    await field.fill('fifty')
    await page.getByRole('button', { name: 'Save the properties' }).click()
    await page.getByText('"fifty" is no size: write 50 GB or 500 MiB.').waitFor()
    await field.fill('50 gb')
    await page.getByLabel('Quota of each repository').fill('1.5 GiB')
    await page.getByRole('button', { name: 'Save the properties' }).click()
    await page.getByText('of 50.0 GB, 0 % of the quota').waitFor()
    expect(await field.inputValue()).toBe('50 GB')
    expect(await feed()).toMatchObject({
      quotaBytes: 50e9,
      repositoryQuotaBytes: 1.5 * 2 ** 30,
    })
    const bar = page.getByRole('progressbar', { name: 'How much of the quota is used' })
    // Of nothing there is nothing to see.
    await bar.waitFor({ state: 'attached' })
    expect(await page.getByText(/quota nearly used up/).count()).toBe(0)
    await expectAccessible(page)

    await field.fill(`${Math.floor(bytes / 0.9)}`)
    await page.getByRole('button', { name: 'Save the properties' }).click()
    await page.getByText(/, 9\d % of the quota/).waitFor()
    await page.getByText('quota nearly used up').waitFor()
    await expectAccessible(page)
    await page.goto('/containers')
    await page.getByRole('row', { name: /shop/ }).getByText('quota nearly used up').waitFor()
    await expectAccessible(page)
    await page.goto('/administration/health')
    await page
      .getByRole('group', { name: 'quotas' })
      .getByText(/^shop has .* of /)
      .waitFor()

    await page.goto('/containers/shop/app?tab=properties')
    await page.getByText('of 1.61 GB, 0 % of the quota').waitFor()
    await page.getByLabel('Quota', { exact: true }).fill('1')
    await page.getByRole('button', { name: 'Save the properties' }).click()
    await page.getByText('quota used up', { exact: true }).waitFor()
    await expectAccessible(page)
    await page.goto('/containers/shop')
    await page.getByRole('row', { name: /app/ }).getByText('quota used up').waitFor()
    await page.goto('/containers/shop/app?tab=properties')
    await page.getByLabel('Quota', { exact: true }).fill('')
    await page.getByRole('button', { name: 'Save the properties' }).click()
    await page.getByText('of 1.61 GB, 0 % of the quota').waitFor()
  })

  test("of a registry are not its managers' to raise", async () => {
    const mia = await addPerson(pages.server(), 'mia', { task: tasks.manage, feed: 'shop' })
    await untilRulesAreNew()
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/shop?tab=properties', {
      ...{ userName: mia.name, password: mia.password },
    })
    const field = page.getByLabel('Quota', { exact: true })
    await field.waitFor()
    expect(await field.getAttribute('readonly')).not.toBeNull()
    await page
      .getByText(/An administrator can change it/)
      .first()
      .waitFor()
    await page.getByLabel('Quota of each repository').fill('2 TB')
    await page.getByRole('button', { name: 'Save the properties' }).click()
    await page.getByText('The properties of shop are saved.').waitFor()
    expect(await feed()).toMatchObject({ repositoryQuotaBytes: 2e12 })
    await expectAccessible(page)
  })
})
