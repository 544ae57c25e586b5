import { PasswordInput, Switch, TagsInput, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { api } from '../../../contract/api.ts'
import type { UserInfo } from '../../../contract/security-users.ts'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { useCall } from '../../queries/calls.ts'
import { useGroupNames } from '../../queries/names.ts'

/** A new user, or one that there is. What a directory says of its users is changed there. */
export function UserForm(props: {
  readonly user: UserInfo | undefined
  readonly onClose: () => void
}) {
  const { user, onClose } = props
  const save = useSave(user)
  const groupNames = useGroupNames()
  const form = useForm({
    initialValues: {
      name: user?.name ?? '',
      displayName: user?.displayName ?? '',
      email: user?.email ?? '',
      password: '',
      groups: [...(user?.groups ?? [])],
      active: user?.active ?? true,
    },
    validate: {
      password: (value) =>
        value.length < 8 && (user === undefined || value !== '')
          ? 'Take at least 8 characters.'
          : null,
    },
  })
  const isForeign = user?.directory != null
  return (
    <FormDialog
      title={user ? `The user ${user.name}` : 'New user'}
      verb={user ? 'Save' : 'Add the user'}
      {...{ form, onClose }}
      submit={save}
    >
      {!user && (
        <TextInput
          label="User name"
          required
          data-autofocus
          autoComplete="off"
          {...form.getInputProps('name')}
        />
      )}
      <TextInput label="Display name (optional)" {...form.getInputProps('displayName')} />
      <TextInput label="Mail address (optional)" type="email" {...form.getInputProps('email')} />
      {!isForeign && (
        <PasswordInput
          label={user ? 'New password (empty: as it is)' : 'Password'}
          description={
            user
              ? 'Ends all sessions and tokens of the user.'
              : 'At least 8 characters. The user can change it.'
          }
          required={!user}
          autoComplete="new-password"
          {...form.getInputProps('password')}
        />
      )}
      <TagsInput
        label="Groups (optional)"
        description="Rights are given to groups: see the permissions."
        data={groupNames}
        {...form.getInputProps('groups')}
      />
      {user && (
        <Switch
          label="May sign in"
          description="Switched off, all sessions, tokens and keys of the user are refused at once."
          {...form.getInputProps('active', { type: 'checkbox' })}
        />
      )}
    </FormDialog>
  )
}

interface Values {
  readonly name: string
  readonly displayName: string
  readonly email: string
  readonly password: string
  readonly groups: readonly string[]
  readonly active: boolean
}

function useSave(user: UserInfo | undefined) {
  const refreshes = [api.securityUsers.list, api.securityGroups.list]
  const add = useCall(api.securityUsers.add, refreshes)
  const update = useCall(api.securityUsers.update, refreshes)
  return ({ name, displayName, email, password, groups, active }: Values) => {
    const body = { name, displayName, email, groups: [...groups] }
    if (user === undefined) return add.mutateAsync({ body: { ...body, password } })
    const changed = {
      ...(password !== '' && { password }),
      ...(active !== user.active && { active }),
    }
    return update.mutateAsync({ body: { ...body, ...changed } })
  }
}
