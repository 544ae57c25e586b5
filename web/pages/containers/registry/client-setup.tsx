import { useQuery } from '@tanstack/react-query'
import { api } from '../../../../contract/api.ts'
import type { RegistryOverview } from '../../../../contract/registries.ts'
import { Failure, Waiting } from '../../../parts/states.tsx'
import { callQuery } from '../../../queries/calls.ts'
import { ClientSetup } from '../../../setup/client-setup.tsx'

/** "Set up client" of a registry: what a client needs to push here and to pull from here. */
export function RegistrySetup({ registry }: { readonly registry: RegistryOverview }) {
  const params = { name: registry.name }
  const { data, error, refetch } = useQuery(callQuery(api.feeds.get, { params }))
  if (data !== undefined) return <ClientSetup endpointUrl={data.endpointUrl} />
  return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />
}
