import { Button, Group, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api } from '../../../contract/api.ts'
import type { RepositoryDetails } from '../../../contract/repositories.ts'
import { CopyButton } from '../../parts/copy.tsx'
import { counted } from '../../parts/count.tsx'
import { Page } from '../../parts/page.tsx'
import { type PageTab, PageTabs } from '../../parts/page-tabs.tsx'
import { QuotaBar } from '../../parts/quota.tsx'
import { Size } from '../../parts/size.tsx'
import { Sparkline } from '../../parts/sparkline.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { callQuery } from '../../queries/calls.ts'
import { useStays } from '../../queries/removal.ts'
import { addressOf } from '../../reference.ts'
import { DeleteRepository } from './repository/delete-repository.tsx'
import { RepositoryProperties } from './repository/properties.tsx'
import { TagHistory } from './repository/tag-history.tsx'
import { TagList } from './repository/tag-list.tsx'
import { UntaggedList } from './repository/untagged-list.tsx'

/** One repository: its tags, what has none, and what can be done with them. */
export function RepositoryPage(props: { readonly feed: string; readonly repository: string }) {
  const { feed, repository } = props
  const query = callQuery(api.repositories.get, { query: { feed, repo: repository } })
  const { data, error, refetch } = useQuery({ ...query, enabled: useStays() })
  if (data === undefined) {
    return (
      <Page title={repository}>
        {error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />}
      </Page>
    )
  }
  return (
    <Page
      title={repository}
      wide
      heading={<span className="wraps">{repository}</span>}
      actions={
        <Button
          size="sm"
          variant="default"
          renderRoot={(root) => (
            <Link to={addressOf({ feed })} search={{ tab: 'setup' } as never} {...root} />
          )}
        >
          Set up client
        </Button>
      }
    >
      <Facts repository={data} />
      <PageTabs label={`Parts of ${repository}`} tabs={tabsOf(data)} />
      <TagHistory repository={data} />
    </Page>
  )
}

function Facts({ repository }: { readonly repository: RepositoryDetails }) {
  const { imageName, tags, images, pulls, daily, lastPush, sizes, quota } = repository
  return (
    <Group className="facts">
      <Group gap={2} wrap="nowrap" className="shrinks">
        <span className="mono">{imageName}</span>
        <CopyButton text={imageName} label="Copy the name of the image" />
      </Group>
      <Group gap="xs" wrap="nowrap">
        <Sparkline values={daily} />
        <Text size="sm" c="dimmed">
          {counted(pulls.last30Days, 'pull')} in 30 days
        </Text>
      </Group>
      <Text size="sm" c="dimmed">
        {counted(tags, 'tag')}, {counted(images, 'image')}, <Size bytes={sizes.deduplicatedBytes} />
        {lastPush && (
          <>
            , last push <Time at={lastPush.at} /> by {lastPush.by}
          </>
        )}
      </Text>
      {quota && <QuotaBar quota={quota} />}
    </Group>
  )
}

function tabsOf(repository: RepositoryDetails): readonly PageTab[] {
  const tabs = [
    { value: 'tags', title: 'Tags', content: <TagList repository={repository} /> },
    { value: 'untagged', title: 'Untagged', content: <UntaggedList repository={repository} /> },
  ]
  if (repository.canManage) {
    const content = <RepositoryProperties repository={repository} />
    tabs.push({ value: 'properties', title: 'Properties', content })
  }
  if (repository.canDelete) {
    const content = <DeleteRepository repository={repository} />
    tabs.push({ value: 'danger', title: 'Danger zone', content })
  }
  return tabs
}
