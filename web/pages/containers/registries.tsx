import { Anchor, Badge, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { api } from '../../../contract/api.ts'
import type { FeedInfo } from '../../../contract/feeds.ts'
import { CopyButton } from '../../parts/copy.tsx'
import type { Column } from '../../parts/data-table.tsx'
import { Page } from '../../parts/page.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Empty } from '../../parts/states.tsx'
import { addressOf } from '../../reference.ts'

const columns: readonly Column<FeedInfo>[] = [
  {
    title: 'Registry',
    render: ({ name, active }) => (
      <>
        <Anchor component={Link} to={addressOf({ feed: name })}>
          {name}
        </Anchor>{' '}
        {!active && <Badge color="yellow">not active</Badge>}
      </>
    ),
  },
  { title: 'Description', render: ({ description }) => description },
  { title: 'Group', render: ({ feedGroup }) => feedGroup ?? '' },
  {
    title: 'Images begin with',
    render: ({ endpointUrl }) => {
      const prefix = endpointUrl.replace(/^https?:\/\//, '')
      return (
        <>
          <span className="mono">{prefix}</span>
          <CopyButton text={prefix} label="Copy" />
        </>
      )
    },
  },
  { title: 'Push', render: ({ canPublish }) => (canPublish ? 'yes' : 'no') },
]

/** The registries that the caller may view. */
export function RegistriesPage() {
  return (
    <Page title="Containers" wide>
      <PagedList
        route={api.feeds.list}
        caption="Registries"
        columns={columns}
        keyOf={({ name }) => name}
        empty={
          <Empty title="No registry is for you yet">
            <Text>
              A registry holds images. Whoever administrates this server can make one, or let you
              into one that is there.
            </Text>
          </Empty>
        }
      />
    </Page>
  )
}
