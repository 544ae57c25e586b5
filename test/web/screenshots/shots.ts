import type { Page } from 'playwright-core'

export interface Shot {
  /** Of the file. */
  readonly name: string
  readonly address: string
  readonly signedOut?: true
  /** What is done on the page before. */
  readonly prepare?: (page: Page) => Promise<void>
}

const press = (name: string) => async (page: Page) => {
  await page.getByRole('button', { name }).first().click()
  await page.getByRole('dialog').waitFor()
}

/** Every page, with what can be opened on it. */
export const shots: readonly Shot[] = [
  { name: 'sign-in', address: '/sign-in', signedOut: true },
  { name: 'containers', address: '/containers' },
  {
    name: 'search',
    address: '/containers',
    async prepare(page) {
      await page.keyboard.press('Control+k')
      await page.getByPlaceholder('Search registries').waitFor()
    },
  },
  { name: 'account', address: '/account' },
  { name: 'administration', address: '/administration' },
  { name: 'users', address: '/administration/users' },
  { name: 'new-user', address: '/administration/users', prepare: press('New user') },
  { name: 'groups', address: '/administration/groups' },
  { name: 'feed-groups', address: '/administration/feed-groups' },
  { name: 'tasks', address: '/administration/tasks' },
  { name: 'permissions', address: '/administration/permissions' },
  {
    name: 'new-permission',
    address: '/administration/permissions',
    prepare: press('New permission'),
  },
  { name: 'rights', address: '/administration/permissions?tab=rights&user=ana&feed=main' },
  { name: 'api-keys', address: '/administration/api-keys' },
  { name: 'new-api-key', address: '/administration/api-keys', prepare: press('New API key') },
  { name: 'directories', address: '/administration/directories' },
  { name: 'settings', address: '/administration/settings' },
  { name: 'audit', address: '/administration/audit' },
  { name: 'health', address: '/administration/health' },
]
