import { Alert, Stack, Text } from '@mantine/core'
import type { FeedStorage, StoreKind } from '../../../../../contract/storage.ts'
import { Confirm } from '../../../../parts/confirm.tsx'
import { Icon } from '../../../../parts/icon.tsx'
import { useStoreOf } from '../../../../queries/storage.ts'
import { isSamePlace, placeInWords, type storageOf } from './place-values.ts'

/** Says what will happen, before it does. */
export function PlaceConfirm(props: {
  readonly feed: string
  readonly kind: StoreKind
  readonly current: FeedStorage
  readonly wanted: ReturnType<typeof storageOf>
  readonly isTested: boolean
  readonly busy: boolean
  readonly error: unknown
  readonly onConfirm: () => void
  readonly onClose: () => void
}) {
  const { feed, kind, current, wanted, isTested, ...confirm } = props
  const stays = isSamePlace(kind, current, wanted.properties)
  return (
    <Confirm
      opened
      color="harbour"
      title={stays ? `Change how ${feed} uses its store?` : `Move ${feed} to another store?`}
      verb={stays ? 'Save the store' : 'Move the registry'}
      {...confirm}
    >
      <Stack gap="xs">
        <Text>
          {kind.name}{' '}
          <Text span className="mono" fw={600}>
            {placeInWords(kind, wanted.properties)}
          </Text>
        </Text>
        {stays ? <Stays feed={feed} /> : <Moves feed={feed} />}
        {!isTested && (
          <Alert color="yellow" icon={<Icon name="warning" />} role="note">
            What stands in the form was not tested, or did not work. If it is wrong, pushes to{' '}
            {feed} fail.
          </Alert>
        )}
      </Stack>
    </Confirm>
  )
}

function Moves({ feed }: { readonly feed: string }) {
  return (
    <>
      <Text>What is pushed to {feed} from now on goes there.</Text>
      <Text>
        A job, FeedMove, moves the rest and checks every digest. Pulls go on meanwhile, and it can
        be called off.
      </Text>
      <Text size="sm">
        Other registries that name the same place share it: they go by these properties then, and a
        layer lies there once for all of them.
      </Text>
    </>
  )
}

function Stays({ feed }: { readonly feed: string }) {
  const { others = [] } = useStoreOf(feed)
  return (
    <>
      <Text>The place stays the same, so that nothing moves.</Text>
      <Text>
        {others.length === 0
          ? 'Other registries that come to name the same place share it, with these properties.'
          : `It holds for every registry that uses it: ${feed}, ${others.join(', ')}.`}
      </Text>
    </>
  )
}
