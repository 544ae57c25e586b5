import { Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../../../contract/api.ts'
import type { RegistryOverview } from '../../../../contract/registries.ts'
import { Failure, Waiting } from '../../../parts/states.tsx'
import { callQuery } from '../../../queries/calls.ts'
import { ClientSetup } from '../../../setup/client-setup.tsx'
import { MirrorSetup } from '../../../setup/mirror-setup.tsx'
import { placeOf } from '../../../setup/place.ts'

/** "Set up client" of a registry: what a client needs to push here and to pull from here. */
export function RegistrySetup({ registry }: { readonly registry: RegistryOverview }) {
  const params = { name: registry.name }
  const { data, error, refetch } = useQuery(callQuery(api.feeds.get, { params }))
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />
  }
  const { endpointUrl, mirrorOf, defaultMirror } = data
  const own = <ClientSetup endpointUrl={endpointUrl} />
  if (mirrorOf === null && !defaultMirror) return own
  const place = placeOf(endpointUrl)
  return (
    <Stack gap="xl">
      <MirrorSetup wanted={{ place, mirrorOf, defaultMirror, isPublic: registry.public }} />
      <section aria-labelledby="as-itself">
        <Title order={2} id="as-itself" mb="xs">
          By its own name
        </Title>
        {own}
      </section>
    </Stack>
  )
}
