import { Button, Group, Stack, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { ReactNode } from 'react'
import type { FeedStorage, StoreKind } from '../../../../../contract/storage.ts'
import { Facts } from '../../../../parts/facts.tsx'
import { Failure, Waiting } from '../../../../parts/states.tsx'
import { useFeedStorage, useStoreKinds, useStoreOf } from '../../../../queries/storage.ts'
import { Reach, RegistryLinks } from '../../../storage/stores.tsx'
import { Move } from './move.tsx'
import { PlaceForm } from './place-form.tsx'

/** Where a registry keeps its images, and what is on the way there. */
export function Place({ feed }: { readonly feed: string }) {
  const [isEdited, { open, close }] = useDisclosure(false)
  const { kinds, ...ofKinds } = useStoreKinds()
  const { storage, ...ofStorage } = useFeedStorage(feed)
  const error = ofKinds.error ?? ofStorage.error
  const retry = () => void Promise.all([ofKinds.refetch(), ofStorage.refetch()])
  const isKnown = kinds !== undefined && storage !== undefined
  return (
    <section aria-labelledby="place">
      <Group justify="space-between" mb="xs">
        <Title order={2} id="place">
          Where its images are kept
        </Title>
        <Button size="sm" variant="default" disabled={!isKnown} onClick={open}>
          Change…
        </Button>
      </Group>
      {isKnown ? (
        <Stack gap="sm">
          <PlaceFacts feed={feed} kinds={kinds} storage={storage} />
          <Move feed={feed} storage={storage} />
          {isEdited && <PlaceForm feed={feed} kinds={kinds} current={storage} onClose={close} />}
        </Stack>
      ) : error ? (
        <Failure error={error} onRetry={retry} />
      ) : (
        <Waiting rows={3} />
      )}
    </section>
  )
}

function PlaceFacts(props: {
  readonly feed: string
  readonly kinds: readonly StoreKind[]
  readonly storage: FeedStorage
}) {
  const { feed, kinds, storage } = props
  const { store, others, isAsking } = useStoreOf(feed)
  const kind = kinds.find(({ id }) => id === storage.id)
  return (
    <Facts
      facts={{
        Kind: kind?.name ?? storage.id,
        ...propertyFacts(kind, storage),
        State: store ? <Reach store={store} /> : isAsking ? 'is being asked…' : 'not known',
        'Also used by': others ? (
          <RegistryLinks names={others} none="no other registry" />
        ) : (
          isAsking && '…'
        ),
      }}
    />
  )
}

/** In the order of the form; secrets as "kept". */
function propertyFacts(
  kind: StoreKind | undefined,
  { properties, secrets }: FeedStorage,
): Readonly<Record<string, ReactNode>> {
  const names = kind ? Object.keys(kind.properties) : Object.keys(properties)
  return Object.fromEntries(
    names.map((name) => [
      name,
      secrets.includes(name)
        ? 'kept, never shown'
        : properties[name] && <span className="mono">{properties[name]}</span>,
    ]),
  )
}
