import {
  Fieldset,
  NumberInput,
  PasswordInput,
  Radio,
  Select,
  Stack,
  Switch,
  TagsInput,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core'
import { type UseFormReturnType, useForm } from '@mantine/form'
import { api } from '../../../contract/api.ts'
import type { ConnectorInfo } from '../../../contract/connectors.ts'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { useCall } from '../../queries/calls.ts'
import { useFeedNames, withChosen } from '../../queries/names.ts'
import {
  type ConnectorValues,
  changesOf,
  creationOf,
  filtersInWords,
  newConnector,
  presetsOf,
  valuesOf,
} from './connector-values.ts'

type Form = UseFormReturnType<ConnectorValues>

/** Another registry: where it is, who signs in there, what it is asked for. */
export function ConnectorForm(props: {
  readonly connector: ConnectorInfo | undefined
  readonly onClose: () => void
}) {
  const { connector, onClose } = props
  const save = useSave(connector)
  const form = useForm<ConnectorValues>({
    initialValues: connector ? valuesOf(connector) : newConnector,
    validate: {
      feed: (feed, { kind }) => (kind === 'feed' && feed === null ? 'Choose a registry.' : null),
    },
  })
  const isElsewhere = form.values.kind === 'url'
  return (
    <FormDialog
      title={connector ? `The connector ${connector.name}` : 'New connector'}
      verb={connector ? 'Save' : 'Add the connector'}
      {...{ form, onClose }}
      submit={save}
    >
      <TextInput
        label="Name"
        description="Letters, digits, dots, dashes and underscores: hub, quay, partner."
        required
        withAsterisk={false}
        data-autofocus
        spellCheck={false}
        {...form.getInputProps('name')}
      />
      <Radio.Group label="It leads to" {...form.getInputProps('kind')}>
        <Stack gap="xs" mt={4}>
          <Radio value="url" label="a registry somewhere else" />
          <Radio value="feed" label="another registry of this server" />
        </Stack>
      </Radio.Group>
      {isElsewhere ? <Elsewhere form={form} connector={connector} /> : <OtherFeed form={form} />}
      <Switch
        label="The connector is on"
        description="Switched off it is not asked; what came through it is served as it is."
        {...form.getInputProps('enabled', { type: 'checkbox' })}
      />
    </FormDialog>
  )
}

function useSave(connector: ConnectorInfo | undefined) {
  const refreshes = [api.connectors.list, api.feeds.get]
  const create = useCall(api.connectors.create, refreshes)
  const update = useCall(api.connectors.update, refreshes)
  return (values: ConnectorValues) =>
    connector === undefined
      ? create.mutateAsync({ body: creationOf(values) })
      : update.mutateAsync({
          params: { name: connector.name },
          body: changesOf(values, connector),
        })
}

function OtherFeed({ form }: { readonly form: Form }) {
  const names = useFeedNames()
  const { feed } = form.values
  return (
    <Select
      label="Registry"
      description="It is asked directly, and nothing is kept twice. Who pulls needs the right to view it there too."
      data={withChosen(names, feed)}
      searchable
      nothingFoundMessage="No registry of that name"
      {...form.getInputProps('feed')}
    />
  )
}

function Elsewhere(props: { readonly form: Form; readonly connector: ConnectorInfo | undefined }) {
  const { form, connector } = props
  const url = form.getInputProps('url')
  return (
    <>
      <TextInput
        label="URL"
        placeholder="https://registry.example.com"
        description="Without /v2. A path behind the host is put in front of every repository. Docker Hub: https://docker.io"
        required
        withAsterisk={false}
        inputMode="url"
        autoComplete="off"
        spellCheck={false}
        {...url}
        onChange={(event) => {
          applyPresets(form, event.currentTarget.value)
          url.onChange(event)
        }}
      />
      <SignIn form={form} connector={connector} />
      <WhatIsAsked form={form} />
      <Connection form={form} />
    </>
  )
}

/** As long as nobody has said otherwise. */
function applyPresets(form: Form, url: string): void {
  const { realmHosts, libraryPrefix } = form.values
  const before = presetsOf(form.values.url)
  const after = presetsOf(url)
  if (JSON.stringify(realmHosts) === JSON.stringify(before.realmHosts)) {
    form.setFieldValue('realmHosts', after.realmHosts)
  }
  if (libraryPrefix === before.libraryPrefix) {
    form.setFieldValue('libraryPrefix', after.libraryPrefix)
  }
}

function SignIn(props: { readonly form: Form; readonly connector: ConnectorInfo | undefined }) {
  const { form, connector } = props
  return (
    <Fieldset legend="Sign-in there">
      <Stack gap="xs">
        <TextInput
          label="User name (optional)"
          description="Empty: it is asked as anybody, and a password that is kept is forgotten."
          autoComplete="off"
          spellCheck={false}
          {...form.getInputProps('username')}
        />
        <PasswordInput
          label="Password or token"
          description={
            connector?.hasPassword
              ? 'There is one. Empty: it stays. With another URL, user, authority or token host it must be given again.'
              : 'Kept encrypted, never shown.'
          }
          autoComplete="new-password"
          {...form.getInputProps('password')}
        />
        <TagsInput
          label="Hosts that give out its tokens (optional)"
          placeholder={form.values.realmHosts.length === 0 ? 'auth.example.com' : ''}
          description="The registry’s own host is always one. The password is sent to no other host than these. Press Enter after each."
          {...form.getInputProps('realmHosts')}
        />
      </Stack>
    </Fieldset>
  )
}

function WhatIsAsked({ form }: { readonly form: Form }) {
  return (
    <Fieldset legend="What it is asked for">
      <Stack gap="xs">
        <TagsInput
          label="Repositories (optional)"
          placeholder={form.values.filters.length === 0 ? 'library/* or !secret/*' : ''}
          description="* stands for any text, ! in front blocks. What is blocked is never asked for. Press Enter after each."
          {...form.getInputProps('filters')}
        />
        <Text size="sm" role="status">
          {filtersInWords(form.values.filters)}
        </Text>
        <Switch
          label="Look for names without a slash below library/ too"
          description="As Docker Hub has them: debian is library/debian there."
          {...form.getInputProps('libraryPrefix', { type: 'checkbox' })}
        />
        <NumberInput
          label="A tag is fresh for"
          suffix=" seconds"
          min={0}
          max={2_592_000}
          allowDecimal={false}
          hideControls
          description="So long it is not asked where a cached tag points now. A digest is never asked for twice."
          {...form.getInputProps('freshnessSeconds')}
        />
      </Stack>
    </Fieldset>
  )
}

function Connection({ form }: { readonly form: Form }) {
  return (
    <Fieldset legend="Connection">
      <Stack gap="xs">
        <NumberInput
          label="Time-out"
          suffix=" seconds"
          min={1}
          max={600}
          allowDecimal={false}
          hideControls
          description="For a connection, the beginning of an answer, and each silence within one. Then it has failed, and what is cached is served."
          {...form.getInputProps('timeout')}
        />
        <Switch
          label="Its address may be a private one"
          description="Of this network or this machine. Off: an address that leads there, also after a redirect, is not called. Link-local ones never are."
          {...form.getInputProps('allowPrivate', { type: 'checkbox' })}
        />
        <Textarea
          label="Certificate of its authority (optional)"
          placeholder="-----BEGIN CERTIFICATE-----"
          description="PEM. Trusted for this connector, beside the usual authorities."
          autosize
          minRows={2}
          maxRows={8}
          spellCheck={false}
          {...form.getInputProps('caCertificate')}
        />
      </Stack>
    </Fieldset>
  )
}
