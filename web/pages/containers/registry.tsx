import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../../contract/api.ts'
import { CopyButton } from '../../parts/copy.tsx'
import { Page } from '../../parts/page.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { callQuery } from '../../queries/calls.ts'
import { ClientSetupButton } from '../../setup/client-setup-button.tsx'

/** One registry. */
export function RegistryPage({ feed }: { readonly feed: string }) {
  const { data, error, refetch } = useQuery(callQuery(api.feeds.get, { params: { name: feed } }))
  if (data === undefined) {
    return (
      <Page title={feed}>
        {error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />}
      </Page>
    )
  }
  const prefix = data.endpointUrl.replace(/^https?:\/\//, '')
  return (
    <Page
      title={data.name}
      actions={<ClientSetupButton feed={data.name} endpointUrl={data.endpointUrl} />}
    >
      <Text>
        <span className="mono">{prefix}</span>
        <CopyButton text={prefix} label="Copy what image names begin with" />
      </Text>
      {data.description !== '' && <Text>{data.description}</Text>}
    </Page>
  )
}
