import type { Page } from 'playwright-core'

export interface Shot {
  /** Of the file. */
  readonly name: string
  readonly address: string
  readonly signedOut?: true
  /** What comes last, where that is not the heading. */
  readonly until?: string
  /** What is done on the page before. */
  readonly prepare?: (page: Page) => Promise<void>
}

const press = (name: string) => async (page: Page) => {
  await page.getByRole('button', { name }).first().click()
  await page.getByRole('dialog').waitFor()
}

const image = (name: string, query: string, until: string): Shot => ({
  ...{ name: `image-${name}`, until },
  address: `/containers/main/team/app:1.4?${query}`,
})

/** Every page, with what can be opened on it. */
export const shots: readonly Shot[] = [
  { name: 'sign-in', address: '/sign-in', signedOut: true },
  { name: 'containers', address: '/containers' },
  {
    name: 'search',
    address: '/containers',
    async prepare(page) {
      await page.keyboard.press('Control+k')
      await page.getByRole('dialog', { name: 'Search' }).waitFor()
    },
  },
  { name: 'registry', address: '/containers/main', until: 'tbody a' },
  { name: 'registry-quota', address: '/containers/payment?tab=properties', until: 'form' },
  { name: 'registry-permissions', address: '/containers/main?tab=permissions' },
  { name: 'registry-storage', address: '/containers/main?tab=storage', until: '.treemap' },
  {
    name: 'registry-store',
    address: '/containers/main?tab=storage',
    until: '.treemap',
    async prepare(page) {
      await page.getByRole('button', { name: 'Change…' }).click()
      await page.getByRole('dialog').getByRole('radio', { name: 'Amazon S3' }).check()
    },
  },
  { name: 'registry-retention', address: '/containers/main?tab=retention&preview=rules' },
  {
    name: 'retention-rule',
    address: '/containers/main?tab=retention',
    async prepare(page) {
      await page
        .getByRole('button', { name: /change the rule/ })
        .nth(1)
        .click()
      await page.getByRole('button', { name: /^Try it/ }).click()
      await page.getByRole('dialog').getByRole('table').waitFor()
    },
  },
  { name: 'registry-clean-up', address: '/containers/main?tab=cleanup', until: 'tbody' },
  { name: 'run', address: '/containers/main?tab=cleanup&run=1', until: '.run-log' },
  { name: 'registry-danger', address: '/containers/main?tab=danger' },
  { name: 'client', address: '/containers/main?tab=setup' },
  { name: 'repository', address: '/containers/main/team/app', until: 'tbody a' },
  image('overview', '', '.text-table'),
  image('layers', 'tab=layers', '.layer-bar'),
  image('files', 'tab=files&path=srv/app.py', '.hljs-keyword'),
  image('picture', 'tab=files&path=srv/logo.png', '.file-image'),
  image('manifest', 'tab=manifest', '.json-name'),
  image('referrers', 'tab=referrers', 'tbody'),
  image('history', 'tab=history', 'section + section tbody'),
  image('usage', 'tab=usage', '.daily-bars'),
  image('compare', 'compare=1.3&platform=linux/amd64&file=srv/app.py', '.diff-added'),
  {
    ...image('delete', '', '.text-table'),
    async prepare(page) {
      await page.getByRole('button', { name: 'Delete…' }).click()
      await page.getByText('The image with all its tags').click()
      await page.getByText(/^Follow with clean-up/).waitFor()
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
  { name: 'connectors', address: '/administration/connectors', until: 'tbody' },
  {
    name: 'new-connector',
    address: '/administration/connectors',
    prepare: press('New connector'),
  },
  {
    name: 'connector-test',
    address: '/administration/connectors',
    until: 'tbody',
    async prepare(page) {
      await press('Test partner')(page)
      await page.getByRole('button', { name: 'Test it' }).click()
      await page.getByText(/^It failed/).waitFor()
    },
  },
  { name: 'connectors-of-registry', address: '/containers/hub?tab=connectors', until: 'tbody' },
  { name: 'connector-mirror', address: '/containers/hub?tab=setup', until: '.shell-lines' },
  {
    name: 'connector-cached',
    address: '/containers/hub/library/debian',
    until: 'tbody a',
  },
  {
    name: 'connector-image',
    address: '/containers/hub/library/debian:12',
    until: '.text-table',
  },
  { name: 'settings', address: '/administration/settings' },
  { name: 'jobs', address: '/administration/jobs', until: 'tbody' },
  { name: 'storage', address: '/administration/storage', until: '.treemap' },
  { name: 'audit', address: '/administration/audit' },
  { name: 'health', address: '/administration/health' },
  {
    name: 'health-checked',
    address: '/administration/health',
    async prepare(page) {
      await page.getByRole('button', { name: 'Check everything' }).click()
      await page.getByText(/All \d+ checks are done/).waitFor()
    },
  },
]
