import { expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { shortDigest } from '../../web/reference.ts'
import { clientOf } from '../support/api-call.ts'
import { image } from '../support/content.ts'
import { describePages, expectAccessible, tabTo, usePages } from '../support/pages.ts'
import { addPerson, tasks, untilRulesAreNew } from '../support/people.ts'
import { pushImage } from '../support/push.ts'

describePages('clean-up, retention and sizes', () => {
  const app = {
    kept: image('kept'),
    first: image('first'),
    second: image('second'),
  }
  const pages = usePages(
    async ({ url, admin }) => {
      // What is pushed from now on may go at once.
      await call(clientOf(url, admin), api.settings.set, {
        query: { name: 'Cleanup.GraceSeconds', value: '0' },
      })
      const table = { url, callers: { admin } }
      await pushImage(table, 'main/team/app', app.kept, ['1.0', 'latest'])
      await pushImage(table, 'main/team/app', app.first, ['pr-1'])
      await pushImage(table, 'main/team/app', app.second, ['pr-2'])
      await pushImage(table, 'main/other', app.kept, ['1'])
    },
    {},
    { jobTimes: { tickMs: 50, beatMs: 50 } },
  )
  const admin = () => clientOf(pages.server().url, pages.server().admin)
  const tags = async () => {
    const query = { feed: 'main', repo: 'team/app' }
    return (await call(admin(), api.tags.list, { query })).map(({ name }) => name)
  }

  test('a rule is tried, saved and previewed, and a run does exactly that', async () => {
    pages.expectComplaint(/422/)
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main?tab=retention')
    await page.getByRole('heading', { name: 'Everything is kept' }).waitFor()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'New rule' }).click()
    const dialog = page.getByRole('dialog', { name: 'New retention rule' })
    await dialog.getByRole('button', { name: 'Add the rule' }).click()
    await dialog.getByText(/every tag of the registry would go/).waitFor()
    await dialog.getByRole('combobox', { name: 'Tags', exact: true }).fill('pr-*')
    await page.keyboard.press('Enter')
    await dialog.getByRole('textbox', { name: 'The newest' }).fill('1')
    await dialog.getByRole('button', { name: 'Try it: what would go now' }).click()
    await dialog.getByRole('link', { name: 'team/app:pr-1' }).waitFor()
    const goes = () => page.getByRole('row', { name: /^goes/ }).getByRole('link').allTextContents()
    const going = ['team/app:pr-1', `team/app@${shortDigest(app.first.manifest.digest)}`]
    expect((await goes()).sort()).toEqual(going)
    await dialog.getByRole('row', { name: /^stays team\/app:pr-2/ }).waitFor()
    await expectAccessible(page)
    await dialog.getByRole('button', { name: 'Add the rule' }).click()
    const sentence = 'Deletes tags pr-*; keeps the newest 1 of each repository by push'
    await page.getByRole('cell', { name: sentence, exact: true }).waitFor()

    await page.getByRole('button', { name: 'Preview what would go' }).click()
    const preview = page.getByRole('table', { name: 'What would go from main' })
    await preview.getByRole('link', { name: 'team/app:pr-1' }).waitFor()
    expect((await goes()).sort()).toEqual(going)
    await expectAccessible(page)
    expect((await tags()).sort()).toEqual(['1.0', 'latest', 'pr-1', 'pr-2'])

    await page.getByRole('tab', { name: 'Clean-up' }).click()
    await page.getByRole('button', { name: /Run now.*FeedCleanup/ }).click()
    await page.getByRole('heading', { name: 'FeedCleanup of main' }).waitFor()
    await page.getByText('done', { exact: true }).waitFor()
    await page
      .getByText(/1 tag\b/)
      .first()
      .waitFor()
    await page.locator('.run-log').getByText(/pr-1/).first().waitFor()
    await expectAccessible(page)
    expect((await tags()).sort()).toEqual(['1.0', 'latest', 'pr-2'])
  })

  test('when a job runs is changed, and a dry run says what would go, by keyboard alone', async () => {
    pages.expectComplaint(/422/)
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/jobs')
    const job = page.getByRole('table', { name: 'Jobs' }).getByRole('row', { name: /FeedCleanup/ })
    await tabTo(page, job.getByRole('button', { name: /change when FeedCleanup runs/ }))
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'FeedCleanup of main' })
    const schedule = dialog.getByRole('textbox', { name: 'Schedule' })
    await schedule.fill('61 * * * *')
    await page.keyboard.press('Enter')
    await dialog.getByText(/61/).last().waitFor()
    await expectAccessible(page)
    await tabTo(page, dialog.getByRole('button', { name: 'every hour' }))
    await page.keyboard.press('Enter')
    expect(await schedule.inputValue()).toBe('15 * * * *')
    await tabTo(page, dialog.getByRole('button', { name: 'Save the schedule' }))
    await page.keyboard.press('Enter')
    await job.getByText('15 * * * *').waitFor()
    await expectAccessible(page)

    await tabTo(page, job.getByRole('button', { name: 'More ways to run FeedCleanup' }))
    await page.keyboard.press('Enter')
    await page.getByRole('menuitem', { name: /Dry run/ }).waitFor()
    await tabToItem(/Dry run/)
    await page.keyboard.press('Enter')
    await page.getByText('dry run', { exact: true }).waitFor()
    await page.getByText('done', { exact: true }).waitFor()
    await page.goBack()
    await page.getByRole('table', { name: 'Runs' }).getByText('dry run').first().waitFor()

    async function tabToItem(name: RegExp) {
      const item = page.getByRole('menuitem', { name })
      for (let presses = 0; presses < 10; presses += 1) {
        if (await item.evaluate((element) => element === document.activeElement)) return
        await page.keyboard.press('ArrowDown')
      }
      throw new Error('the arrow keys do not come to the item')
    }
  })

  test('sizes of the server, a registry and its repositories, and what deleting frees', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/storage')
    const registries = page.getByRole('table', { name: 'Registries by size' })
    await registries.getByRole('button', { name: /deleting main would free/ }).click()
    await expectAccessible(page)
    await registries.getByRole('link', { name: 'main' }).click()
    const table = page.getByRole('table', { name: 'Repositories of main by size' })
    const { repository: name, deduplicatedBytes } = await largest()
    const first = table.locator('tbody tr').first()
    await first.getByRole('link', { name }).waitFor()
    expect(await first.textContent()).toContain(`${(deduplicatedBytes / 1000).toFixed(2)} kB`)
    await first.getByRole('button', { name: /measure/ }).click()
    await first.getByText(/kB|B$/).last().waitFor()
    await expectAccessible(page)
    await page.getByText('as if nothing were shared').click()
    expect(new URL(page.url()).searchParams.get('measure')).toBe('logical')
  })

  test('who manages a registry sees all of it but what others would lose; a viewer nothing', async () => {
    const rule = { task: tasks.manage, feed: 'main' }
    const { name, password } = await addPerson(pages.server(), 'mia', rule)
    await untilRulesAreNew()
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main?tab=storage', { userName: name, password })
    await page.getByRole('table', { name: 'Repositories of main by size' }).waitFor()
    expect(await page.getByRole('button', { name: /measure/ }).count()).toBe(0)
    await page.getByRole('tab', { name: 'Clean-up' }).click()
    await page.getByRole('button', { name: /Run now.*FeedIntegrity/ }).click()
    await page.getByText(/blobs? checked/).waitFor()
  })

  async function largest() {
    const all = await call(admin(), api.sizes.repositories, { query: { feed: 'main' } })
    const [first] = all.sort((a, b) => b.deduplicatedBytes - a.deduplicatedBytes)
    if (first === undefined) throw new Error('no repository')
    return first
  }
})
