import { Badge, Button, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { api } from '../../../contract/api.ts'
import type { ConnectorInfo } from '../../../contract/connectors.ts'
import type { Reply } from '../../../contract/route.ts'
import { Failure } from '../../parts/states.tsx'
import { useCall } from '../../queries/calls.ts'

/** Asks the other registry as a pull would, and says what came of it or where it failed. */
export function ConnectorTrial(props: {
  readonly connector: ConnectorInfo
  readonly onClose: () => void
}) {
  const { connector, onClose } = props
  const trial = useCall(api.connectors.test, [api.connectors.list])
  const form = useForm({ initialValues: { repository: '' } })
  const run = ({ repository }: typeof form.values) => {
    const named = repository.trim()
    trial.mutate({
      body: { connector: connector.name, ...(named !== '' && { repository: named }) },
    })
  }
  return (
    <Modal opened onClose={onClose} title={`Test ${connector.name}`} size="lg">
      <form onSubmit={form.onSubmit(run)}>
        <Stack gap="sm">
          <TextInput
            label="Repository (optional)"
            description="Without one only the registry itself is asked. Nothing is kept or changed."
            placeholder="library/debian"
            spellCheck={false}
            data-autofocus
            {...form.getInputProps('repository')}
          />
          <div>
            <Button type="submit" loading={trial.isPending}>
              Test it
            </Button>
          </div>
          {trial.error && <Failure error={trial.error} />}
          {trial.data && !trial.isPending && <Outcome result={trial.data} />}
        </Stack>
      </form>
    </Modal>
  )
}

type Result = Reply<typeof api.connectors.test>

function Outcome({ result: { ok, step, message } }: { readonly result: Result }) {
  return (
    <Stack gap="xs" role="status">
      <Text className="wraps">
        <Badge color={ok ? 'green' : 'red'}>{ok ? 'works' : 'failed'}</Badge> {message}
      </Text>
      {step !== null && (
        <Text size="sm">
          It failed {steps[step].where}. {steps[step].advice}
        </Text>
      )}
    </Stack>
  )
}

/** Where on the way to an answer it failed, and what usually helps. */
const steps: Readonly<
  Record<NonNullable<Result['step']>, { readonly where: string; readonly advice: string }>
> = {
  address: {
    where: 'before it was called: its address is not one that may be',
    advice: 'For a registry of your own network allow private addresses in the connector.',
  },
  dns: {
    where: 'looking up the host’s name',
    advice: 'Check the URL for typing errors, and whether this server’s DNS knows the name.',
  },
  connect: {
    where: 'opening a connection',
    advice: 'Is it running, is the port right, and does a firewall let this server through?',
  },
  tls: {
    where: 'agreeing on encryption (TLS)',
    advice:
      'With a certificate that no public authority signed, give the connector that authority’s; a registry without HTTPS has http:// in its URL.',
  },
  timeout: {
    where: 'waiting: nothing came within the time-out',
    advice: 'Try again; where it is always slow, give the connector a longer time-out.',
  },
  token: {
    where: 'getting a token to sign in with',
    advice: 'Check user name and password, and whether the host that gives out tokens is named.',
  },
  answer: {
    where: 'at its answer, once it was reached',
    advice:
      'Check that the URL is that of a registry (not of its web pages), the credentials, and the repository.',
  },
}
