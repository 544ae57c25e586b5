import {
  Badge,
  Button,
  Group,
  NumberInput,
  Select,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { SettingInfo } from '../../../contract/settings.ts'
import { fieldProblems } from '../../call.ts'
import { Page } from '../../parts/page.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { callQuery, useCall } from '../../queries/calls.ts'
import { type BaseUrlChange, changeOfBaseUrl } from './base-url-change.ts'
import { BaseUrlWarning } from './base-url-warning.tsx'

/** How this server behaves; what its configuration fixes is shown and not changed here. */
export function SettingsPage() {
  const query = { showAll: 'true' }
  const { data, error, refetch } = useQuery(callQuery(api.settings.list, { query }))
  return (
    <Page title="Settings">
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined && !error && <Waiting />}
      <Stack gap="lg">
        {data?.map((setting) => (
          <Setting key={`${setting.name} ${setting.value}`} setting={setting} />
        ))}
      </Stack>
    </Page>
  )
}

function Setting({ setting }: { readonly setting: SettingInfo }) {
  const { name, value, description, fixed } = setting
  const save = useCall(api.settings.set, [api.settings.list])
  const form = useForm({ initialValues: { value } })
  const [asked, setAsked] = useState<{ value: string; change: BaseUrlChange }>()
  const set = (next: string) =>
    save.mutate(
      // Without a value it is back at its default.
      { query: { name, ...(next !== '' && { value: next }) } },
      { onSuccess: () => notifications.show({ message: `${name} is set.` }) },
    )
  const askAndSet = (next: string) => {
    const here = window.location.origin
    const change = name === 'Web.BaseUrl' ? changeOfBaseUrl(value, next, here) : undefined
    if (change === undefined) set(next)
    else setAsked({ value: next, change })
  }
  const problem = Object.values(fieldProblems(save.error))[0]
  return (
    <>
      <form onSubmit={form.onSubmit((values) => askAndSet(String(values.value)))}>
        <Stack gap={4} className="narrow">
          <Group gap="xs">
            <Title order={2} className="mono">
              {name}
            </Title>
            {fixed && <Badge color="gray">fixed by the configuration</Badge>}
          </Group>
          <Text size="sm" id={`about ${name}`}>
            {description}
          </Text>
          <Group gap="xs" align="start" wrap="nowrap">
            <Field setting={setting} form={form} problem={problem} />
            {!fixed && (
              <>
                <Button
                  type="submit"
                  variant="default"
                  disabled={!form.isDirty()}
                  loading={save.isPending}
                >
                  Save
                </Button>
                <Button variant="subtle" onClick={() => askAndSet('')}>
                  Default
                  <span className="for-readers"> of {name}</span>
                </Button>
              </>
            )}
          </Group>
          {save.error && problem === undefined && <Failure error={save.error} />}
        </Stack>
      </form>
      {/* Outside of the form: what is submitted in there is not for here. */}
      {asked && (
        <BaseUrlWarning
          change={asked.change}
          onClose={() => setAsked(undefined)}
          onConfirm={() => {
            setAsked(undefined)
            set(asked.value)
          }}
        />
      )}
    </>
  )
}

function Field(props: {
  readonly setting: SettingInfo
  readonly form: ReturnType<typeof useForm<{ value: string }>>
  readonly problem: string | undefined
}) {
  const { setting, form, problem } = props
  const common = {
    'aria-label': setting.name,
    disabled: setting.fixed,
    error: problem,
    style: { flex: 1 },
    ...form.getInputProps('value'),
    ...(problem !== undefined && { error: problem }),
  }
  if (setting.valueType === 'boolean') {
    return <Select {...common} allowDeselect={false} data={['true', 'false']} />
  }
  if (setting.valueType === 'integer') {
    // A text as before: else leaving the field would already be a change.
    const change = (value: string | number) => form.setFieldValue('value', String(value))
    return <NumberInput {...common} onChange={change} allowDecimal={false} />
  }
  return <TextInput {...common} />
}
