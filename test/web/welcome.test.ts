import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { image } from '../support/content.ts'
import { describePages, expectAccessible, usePages } from '../support/pages.ts'
import { pushImage } from '../support/push.ts'
import { basic } from '../support/wire.ts'

describePages('the first run', () => {
  const pages = usePages(async () => {}, { adminPassword: null })

  test('leads from the generated password to the first image, and not without it', async () => {
    const { url, config } = pages.server()
    pages.expectComplaint(/401/)
    const stranger = await pages.visit()
    await stranger.open('/welcome')
    await stranger.page.getByRole('heading', { name: 'Sign in to Entrepot' }).waitFor()
    const generated = (
      await readFile(path.join(config.dataDir, 'initial-admin-password'), 'utf8')
    ).trim()

    const { page, open } = await pages.visit()
    await open('/')
    await page.getByLabel('User name').fill('Admin')
    await page.getByLabel('Password', { exact: true }).fill(generated)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/welcome')
    await page.getByText('Set your password').waitFor()
    await expectAccessible(page)
    const password = 'a password of my own'
    await page.getByLabel('Current password').fill(generated)
    await page.getByLabel('New password', { exact: true }).fill(password)
    await page.getByLabel('The new password again').fill(password)
    await page.getByRole('button', { name: 'Change the password' }).click()

    await page.getByLabel('Or make another').fill('team')
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Make the registry' }).click()
    await page.getByText('Waiting for your push to team').waitFor()
    await page.getByText(`docker login -u Admin ${new URL(url).host}`).waitFor()
    await expectAccessible(page)
    const table = { url, callers: { admin: basic('Admin', password) } }
    await pushImage(table, 'team/app', image('first'), ['1'])
    await page.getByText('Your image is here').waitFor()
    await expectAccessible(page)
    const client = clientOf(url, basic('Admin', password))
    expect(await call(client, api.sessions.whoami)).toMatchObject({ generatedPassword: false })
    const again = await pages.visit()
    await again.openSignedIn('/containers', { userName: 'Admin', password })
    expect(new URL(again.page.url()).pathname).toBe('/containers')
  })
})
