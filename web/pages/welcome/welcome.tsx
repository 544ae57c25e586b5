import {
  Anchor,
  Button,
  Stack,
  Stepper,
  type StepperStepProps,
  Text,
  TextInput,
} from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import { fieldProblems } from '../../call.ts'
import { Page } from '../../parts/page.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { callQuery, useCall } from '../../queries/calls.ts'
import { useWhoami } from '../../queries/session.ts'
import { addressOf } from '../../reference.ts'
import { ClientSetup } from '../../setup/client-setup.tsx'
import { PasswordForm } from '../account/password-form.tsx'
import { FirstPush } from './first-push.tsx'

const asWords = { component: 'div', style: { cursor: 'auto' } }

/** Told, not chosen: the library would make it a button that does nothing. */
function Step({ onClick: _, ...step }: StepperStepProps) {
  return <Stepper.Step {...step} {...asWords} />
}

/** After the first sign-in, with the password that the first start made up: from there to an image. */
export function WelcomePage() {
  const { user, generatedPassword } = useWhoami()
  const [feed, setFeed] = useState<string>()
  const active = generatedPassword ? 0 : feed === undefined ? 1 : 2
  return (
    <Page title="Welcome to Entrepot">
      <Text>Three steps to the first image. You can leave at any time and come back.</Text>
      <Stepper active={active} orientation="vertical" allowNextStepsSelect={false}>
        <Step label="Set your password" description="The generated one is in a log and a file." />
        <Step label="Make a registry" description="Images of a team or a product together." />
        <Step label="Push an image" description="From the machine that has it." />
      </Stepper>
      {active === 0 && user && <PasswordForm userName={user.name} />}
      {active === 1 && <RegistryStep onReady={setFeed} />}
      {active === 2 && feed !== undefined && <PushStep feed={feed} />}
    </Page>
  )
}

function RegistryStep({ onReady }: { readonly onReady: (feed: string) => void }) {
  const { data: feeds = [] } = useQuery(callQuery(api.feeds.list))
  const create = useCall(api.feeds.create, [api.feeds.list])
  const form = useForm({ initialValues: { name: '' } })
  const make = useMutation({
    mutationFn: async ({ name }: typeof form.values) =>
      (await create.mutateAsync({ body: { name } })).name,
    onSuccess: onReady,
    onError: (error) => form.setErrors(fieldProblems(error)),
  })
  return (
    <Stack gap="md" className="narrow">
      {feeds.map(({ name }) => (
        <div key={name}>
          <Button variant="default" onClick={() => onReady(name)}>
            Use the registry {name}, which is there
          </Button>
        </div>
      ))}
      <form onSubmit={form.onSubmit((values) => make.mutate(values))}>
        <Stack gap="sm">
          {make.error && !fieldProblems(make.error).name && <Failure error={make.error} />}
          <TextInput
            label="Or make another"
            description="Its name is the first part of every image: server/name/image."
            required
            {...form.getInputProps('name')}
          />
          <div>
            <Button type="submit" loading={make.isPending}>
              Make the registry
            </Button>
          </div>
        </Stack>
      </form>
    </Stack>
  )
}

function PushStep({ feed }: { readonly feed: string }) {
  const { data, error, refetch } = useQuery(callQuery(api.feeds.get, { params: { name: feed } }))
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />
  }
  return (
    <Stack gap="md">
      <FirstPush feed={feed} />
      <ClientSetup endpointUrl={data.endpointUrl} />
      <Anchor component={Link} to={addressOf({ feed })}>
        Go to the registry {feed}
      </Anchor>
    </Stack>
  )
}
