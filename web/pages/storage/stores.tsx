import { Anchor, Badge, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { Fragment } from 'react'
import type { StoreInfo } from '../../../contract/storage.ts'
import { addressOf } from '../../reference.ts'

/** As many names as a row has room for. */
const most = 5

export const kindNames: Readonly<Record<StoreInfo['kind'], string>> = {
  disk: 'Disk',
  s3: 'S3',
  azure: 'Azure Blob',
}

/** Whether a store answers, and if not, why. */
export function Reach({ store: { problem } }: { readonly store: StoreInfo }) {
  if (problem === null) return <Badge color="green">reachable</Badge>
  return (
    <>
      <Badge color="red">not reachable</Badge>{' '}
      <Text span size="sm" className="wraps">
        {problem}
      </Text>
    </>
  )
}

/** Registries by name, each with the way to its storage. */
export function RegistryLinks(props: { readonly names: readonly string[]; readonly none: string }) {
  const { names, none } = props
  if (names.length === 0) return none
  return (
    <span className="wraps">
      {names.slice(0, most).map((feed, index) => (
        <Fragment key={feed}>
          {index > 0 && ', '}
          <Anchor
            component={Link}
            to={addressOf({ feed })}
            search={{ tab: 'storage' } as never}
            size="sm"
          >
            {feed}
          </Anchor>
        </Fragment>
      ))}
      {names.length > most && ` and ${(names.length - most).toLocaleString('en')} more`}
    </span>
  )
}
