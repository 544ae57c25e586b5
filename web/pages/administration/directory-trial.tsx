import { Badge, Button, List, Modal, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { api } from '../../../contract/api.ts'
import type { DirectoryInfo } from '../../../contract/directories.ts'
import type { Reply } from '../../../contract/route.ts'
import { Failure } from '../../parts/states.tsx'
import { useCall } from '../../queries/calls.ts'

/** Tries a directory and shows each step: what was sent, what was found, why it failed. */
export function DirectoryTrial(props: {
  readonly directory: DirectoryInfo
  readonly onClose: () => void
}) {
  const { directory, onClose } = props
  const trial = useCall(api.directories.test)
  const form = useForm({ initialValues: { user: '', password: '', group: '' } })
  const run = ({ user, password, group }: typeof form.values) =>
    trial.mutate({
      body: {
        directory: directory.name,
        ...(user !== '' && { user }),
        ...(password !== '' && { password }),
        ...(group !== '' && { group }),
      },
    })
  return (
    <Modal opened onClose={onClose} title={`Try ${directory.name}`} size="lg">
      <form onSubmit={form.onSubmit(run)}>
        <Stack gap="sm">
          {directory.kind === 'ldap' ? (
            <>
              <TextInput label="User to load" {...form.getInputProps('user')} />
              <PasswordInput
                label="Password, to try a sign-in (optional)"
                description="Nothing is kept and nobody is signed in."
                autoComplete="off"
                {...form.getInputProps('password')}
              />
              <TextInput label="Or a group to load" {...form.getInputProps('group')} />
            </>
          ) : (
            <Text size="sm">Asks the provider for what it says of itself.</Text>
          )}
          <div>
            <Button type="submit" loading={trial.isPending}>
              Try it
            </Button>
          </div>
          {trial.error && <Failure error={trial.error} />}
          {trial.data && <Outcome result={trial.data} />}
        </Stack>
      </form>
    </Modal>
  )
}

function Outcome({ result }: { readonly result: Reply<typeof api.directories.test> }) {
  const { ok, message, steps, user, groups } = result
  return (
    <Stack gap="xs" role="status">
      <Text>
        <Badge color={ok ? 'green' : 'red'}>{ok ? 'works' : 'failed'}</Badge> {message}
      </Text>
      {user && (
        <Text size="sm">
          {user.name}, {user.displayName}, {user.email}; groups: {user.groups.join(', ') || 'none'}
        </Text>
      )}
      {groups.length > 0 && <Text size="sm">Groups: {groups.join(', ')}</Text>}
      <List type="ordered" size="sm">
        {steps.map(({ step, sent, found, reason }) => (
          <List.Item key={`${step} ${sent}`}>
            {step}: <span className="mono">{sent}</span>
            {found !== null && <> found {found}</>}
            {reason !== null && (
              <Text size="sm" c="red">
                {reason}
              </Text>
            )}
          </List.Item>
        ))}
      </List>
    </Stack>
  )
}
