import { expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { describePages, expectAccessible, usePages } from '../support/pages.ts'

const password = 'a long enough password'

describePages('sessions on the pages', () => {
  const pages = usePages()
  const admin = () => clientOf(pages.server().url, pages.server().admin)
  const newUser = async (name: string) => {
    await call(admin(), api.securityUsers.add, { body: { name, password } })
    return { userName: name, password }
  }

  test('a wrong password is told in words and nobody is in', async () => {
    const { page, open } = await pages.visit()
    pages.expectComplaint(/401/)
    await open('/sign-in')
    await page.getByLabel('User name').fill('Admin')
    await page.getByLabel('Password', { exact: true }).fill('wrong')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('alert').waitFor()
    await expectAccessible(page)
    expect(new URL(page.url()).pathname).toBe('/sign-in')
  })

  test('a link leads back to where it pointed, query and all, and to no other server', async () => {
    // There is no such image.
    pages.expectComplaint(/404/)
    for (const [address, end] of [
      ['/containers/main/app:1?tab=layers', '/containers/main/app:1?tab=layers'],
      ['//evil.example/', '/containers'],
    ] as const) {
      const { page, open } = await pages.visit()
      await open(`/sign-in?to=${encodeURIComponent(address)}`)
      await page.getByLabel('User name').fill('Admin')
      await page.getByLabel('Password', { exact: true }).fill(pages.server().adminPassword)
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.waitForURL((url) => url.pathname !== '/sign-in')
      expect(page.url()).toBe(`${pages.server().url}${end}`)
    }
  })

  test('a session that ends leads to signing in, once, and back', async () => {
    const { page, openSignedIn } = await pages.visit()
    pages.expectComplaint(/401/)
    const who = await newUser('ended')
    await openSignedIn('/account', who)
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    const visited: string[] = []
    page.on('framenavigated', (frame) => visited.push(new URL(frame.url()).pathname))
    // A new password of the administrator's ends all sessions; the page notices by polling.
    await call(admin(), api.securityUsers.update, { body: { name: 'ended', password } })
    await page.getByRole('heading', { name: 'Sign in to Entrepot' }).waitFor()
    expect(visited).toEqual(['/sign-in'])
    await page.getByLabel('User name').fill(who.userName)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    expect(new URL(page.url()).pathname).toBe('/account')
  })

  test('signing out shows nothing of the former user', async () => {
    const { page, openSignedIn } = await pages.visit()
    pages.expectComplaint(/401/)
    await openSignedIn('/containers')
    await page.getByRole('link', { name: 'main' }).waitFor()
    await page.getByRole('button', { name: 'Account of Admin' }).click()
    await expectAccessible(page)
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in to Entrepot' }).waitFor()
    await page.goBack()
    await page.getByRole('heading', { name: 'Sign in to Entrepot' }).waitFor()
    expect(await page.getByRole('link', { name: 'main' }).count()).toBe(0)
  })

  test('signing out everywhere ends the other browser too', async () => {
    const who = await newUser('twice')
    pages.expectComplaint(/401/)
    const [one, two] = [await pages.visit(), await pages.visit()]
    await one.openSignedIn('/account', who)
    await two.openSignedIn('/account', who)
    await one.page.getByRole('button', { name: 'Sign out everywhere' }).click()
    const dialog = one.page.getByRole('dialog', { name: 'Sign out everywhere?' })
    await dialog.waitFor()
    await expectAccessible(one.page)
    await dialog.getByRole('button', { name: 'Sign out everywhere' }).click()
    for (const { page } of [one, two]) {
      await page.getByRole('heading', { name: 'Sign in to Entrepot' }).waitFor()
    }
  })

  test('users change their own password and stay signed in', async () => {
    const { page, openSignedIn } = await pages.visit()
    pages.expectComplaint(/401/)
    pages.expectComplaint(/422/)
    const who = await newUser('changer')
    await openSignedIn('/account', who)
    const change = async (current: string, wanted: string, again = wanted) => {
      await page.getByLabel('Current password').fill(current)
      await page.getByLabel('New password', { exact: true }).fill(wanted)
      await page.getByLabel('The new password again').fill(again)
      await page.getByRole('button', { name: 'Change the password' }).click()
    }
    await change(password, 'short')
    await page.getByText('Take at least 8 characters.').waitFor()
    await change(password, 'another password', 'not the same')
    await page.getByText('This is not the same as the new password.').waitFor()
    await expectAccessible(page)
    await change('wrong password', 'another password')
    await page.getByText('The password is wrong.').waitFor()
    await change(password, 'another password')
    await page.getByText('Your password is changed').waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    const another = await pages.visit()
    await another.openSignedIn('/account', { ...who, password: 'another password' })
  })
})
