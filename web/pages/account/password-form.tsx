import { Button, PasswordInput, Stack, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../../../contract/api.ts'
import { call } from '../../../contract/call.ts'
import { client, fieldProblems } from '../../call.ts'
import { Failure } from '../../parts/states.tsx'
import { signIn } from '../../queries/session.ts'

/** Changes one's own password. That ends all sessions, so a new one begins with the new password. */
export function PasswordForm({ userName }: { readonly userName: string }) {
  const queries = useQueryClient()
  const form = useForm({
    initialValues: { password: '', newPassword: '', again: '' },
    validate: {
      newPassword: (value) => (value.length < 8 ? 'Take at least 8 characters.' : null),
      again: (value, { newPassword }) =>
        value === newPassword ? null : 'This is not the same as the new password.',
    },
  })
  const change = useMutation({
    mutationFn: async ({ password, newPassword }: typeof form.values) => {
      await call(client, api.securityUsers.changePassword, { body: { password, newPassword } })
      await signIn(queries, { userName, password: newPassword })
    },
    onSuccess: () => {
      form.reset()
      notifications.show({
        title: 'Your password is changed',
        message: 'You were signed out everywhere else. Run docker login again where you use it.',
      })
    },
    onError: (error) => form.setErrors(fieldProblems(error)),
  })
  const hasFields = Object.keys(fieldProblems(change.error)).length > 0
  return (
    <form onSubmit={form.onSubmit((values) => change.mutate(values))} className="narrow">
      <Stack gap="sm">
        {change.error && !hasFields && <Failure error={change.error} />}
        <input type="text" value={userName} autoComplete="username" readOnly hidden />
        <PasswordInput
          label="Current password"
          autoComplete="current-password"
          required
          {...form.getInputProps('password')}
        />
        <PasswordInput
          label="New password"
          description="At least 8 characters."
          autoComplete="new-password"
          required
          {...form.getInputProps('newPassword')}
        />
        <PasswordInput
          label="The new password again"
          autoComplete="new-password"
          required
          {...form.getInputProps('again')}
        />
        <Text size="sm" c="dimmed">
          You are signed out everywhere else, docker login included. API keys stay.
        </Text>
        <div>
          <Button type="submit" loading={change.isPending}>
            Change the password
          </Button>
        </div>
      </Stack>
    </form>
  )
}
