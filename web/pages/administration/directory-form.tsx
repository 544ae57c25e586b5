import { NumberInput, PasswordInput, Select, Switch, Textarea, TextInput } from '@mantine/core'
import { type UseFormReturnType, useForm } from '@mantine/form'
import { api } from '../../../contract/api.ts'
import type { DirectoryInfo } from '../../../contract/directories.ts'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { useCall } from '../../queries/calls.ts'
import {
  fieldValues,
  ldapFields,
  oidcFields,
  type SettingField,
  settingsOf,
} from './directory-settings.ts'

type Kind = DirectoryInfo['kind']
type Values = Record<string, unknown>

const fieldsOf = (kind: Kind) => (kind === 'ldap' ? ldapFields : oidcFields)

/** A directory: where users are looked up. The secret is never shown; left empty it stays. */
export function DirectoryForm(props: {
  readonly kind: Kind
  readonly directory: DirectoryInfo | undefined
  readonly onClose: () => void
}) {
  const { kind, directory, onClose } = props
  const fields = fieldsOf(kind)
  const save = useSave(kind, directory)
  const form = useForm<Values>({
    initialValues: {
      name: directory?.name ?? '',
      secret: '',
      ...fieldValues(fields, directory?.settings ?? { security: 'ldaps' }),
    },
  })
  return (
    <FormDialog
      title={directory ? `The directory ${directory.name}` : `New ${titles[kind]}`}
      verb={directory ? 'Save' : 'Add the directory'}
      {...{ form, onClose }}
      submit={save}
    >
      <TextInput
        label="Name"
        description="As people know it: the sign-in page and the audit call it so."
        required
        data-autofocus
        {...form.getInputProps('name')}
      />
      {fields.map((field) => (
        <Field key={field.name} field={field} form={form} />
      ))}
      <PasswordInput
        label={kind === 'ldap' ? 'Password of that name' : 'Client secret'}
        description={
          directory?.hasSecret ? 'There is one. Empty: it stays.' : 'Kept encrypted, never shown.'
        }
        autoComplete="off"
        {...form.getInputProps('secret')}
      />
    </FormDialog>
  )
}

export const titles: Readonly<Record<Kind, string>> = {
  ldap: 'LDAP directory',
  oidc: 'OpenID Connect provider',
}

function Field(props: { readonly field: SettingField; readonly form: UseFormReturnType<Values> }) {
  const { name, label, about, kind, required = false } = props.field
  const { form } = props
  const common = {
    label: required ? label : `${label} (optional)`,
    required,
    withAsterisk: false,
    ...(about !== undefined && { description: about }),
  }
  if (kind === 'flag') {
    return <Switch label={label} {...form.getInputProps(name, { type: 'checkbox' })} />
  }
  const input = form.getInputProps(name)
  if (kind === 'integer') return <NumberInput {...common} min={1} max={65_535} {...input} />
  if (kind === 'lines') return <Textarea {...common} autosize minRows={3} {...input} />
  if (kind !== undefined) return <Select {...common} data={[...kind]} {...input} />
  return <TextInput {...common} {...input} />
}

function useSave(kind: Kind, directory: DirectoryInfo | undefined) {
  const add = useCall(api.directories.add, [api.directories.list])
  const update = useCall(api.directories.update, [api.directories.list])
  return (values: Values) => {
    const body = {
      name: String(values.name),
      settings: settingsOf(fieldsOf(kind), directory?.settings ?? {}, values),
      ...(values.secret !== '' && { secret: String(values.secret) }),
    }
    if (directory === undefined) return add.mutateAsync({ body: { ...body, kind } })
    return update.mutateAsync({ query: { directory: directory.name }, body })
  }
}
