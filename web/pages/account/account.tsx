import { Anchor, Stack, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { Page } from '../../parts/page.tsx'
import { useWhoami } from '../../queries/session.ts'
import { KeyList } from './key-list.tsx'
import { NewKeyButton } from './new-key.tsx'
import { PasswordForm } from './password-form.tsx'
import { SessionList } from './session-list.tsx'
import { SignOutEverywhere } from './sign-out-everywhere.tsx'

/** What is one's own: the password, where one is signed in. */
export function AccountPage() {
  const { user, administrator } = useWhoami()
  if (user === null) return null
  const { name, displayName, email, groups, directory } = user
  return (
    <Page title="Your account">
      <Text>
        {displayName || name}
        {email !== '' && ` · ${email}`}
        {groups.length > 0 && ` · in ${groups.join(', ')}`}
      </Text>
      <section aria-labelledby="password">
        <Stack gap="sm">
          <Title order={2} id="password">
            Password
          </Title>
          {directory === null ? (
            <PasswordForm userName={name} />
          ) : (
            <Text>Your password is kept in the directory {directory}: change it there.</Text>
          )}
        </Stack>
      </section>
      <section aria-labelledby="keys">
        <Stack gap="sm">
          <Title order={2} id="keys">
            API keys
          </Title>
          <Text>
            A personal key may do what you may, or a part of it. For docker and others the user name
            is api, the key the password.
          </Text>
          <div>
            <NewKeyButton types={['personal']} />
          </div>
          {administrator ? (
            <Anchor component={Link} to="/administration/api-keys">
              All keys of the server
            </Anchor>
          ) : (
            <KeyList />
          )}
        </Stack>
      </section>
      <section aria-labelledby="sessions">
        <Stack gap="sm">
          <Title order={2} id="sessions">
            Where you are signed in
          </Title>
          <SessionList />
          <SignOutEverywhere />
        </Stack>
      </section>
    </Page>
  )
}
