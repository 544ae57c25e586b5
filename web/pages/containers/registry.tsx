import { Badge, Group, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../../contract/api.ts'
import type { RegistryOverview } from '../../../contract/registries.ts'
import { CopyButton } from '../../parts/copy.tsx'
import { counted } from '../../parts/count.tsx'
import { Page } from '../../parts/page.tsx'
import { type PageTab, PageTabs } from '../../parts/page-tabs.tsx'
import { QuotaBar } from '../../parts/quota.tsx'
import { Size } from '../../parts/size.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { callQuery } from '../../queries/calls.ts'
import { useStays } from '../../queries/removal.ts'
import { Jobs } from '../jobs/jobs.tsx'
import { RegistrySetup } from './registry/client-setup.tsx'
import { RegistryConnectors } from './registry/connectors/connectors.tsx'
import { DangerZone } from './registry/danger-zone.tsx'
import { Permissions } from './registry/permissions.tsx'
import { Properties } from './registry/properties.tsx'
import { RepositoryList } from './registry/repository-list.tsx'
import { Retention } from './registry/retention/retention.tsx'
import { Storage } from './registry/storage/storage.tsx'

/** One registry: what is in it, how to get at it, and for those who may, how it behaves. */
export function RegistryPage({ feed }: { readonly feed: string }) {
  const query = callQuery(api.registries.get, { query: { feed } })
  const { data, error, refetch } = useQuery({ ...query, enabled: useStays() })
  if (data === undefined) {
    return (
      <Page title={feed}>
        {error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />}
      </Page>
    )
  }
  return (
    <Page title={data.name} wide heading={<Heading registry={data} />}>
      {data.description !== '' && (
        <Text className="prose" maw="72ch">
          {data.description}
        </Text>
      )}
      <Facts registry={data} />
      <PageTabs label={`Parts of ${data.name}`} tabs={tabsOf(data)} />
    </Page>
  )
}

function Heading({ registry }: { readonly registry: RegistryOverview }) {
  return (
    <Group gap="xs" component="span">
      {registry.name}
      {!registry.active && <Badge color="yellow">not active</Badge>}
      {registry.public && <Badge color="gray">public</Badge>}
    </Group>
  )
}

function Facts({ registry }: { readonly registry: RegistryOverview }) {
  const { imagePrefix, repositories, tags, pulls, lastPush, partly, sizes, quota } = registry
  return (
    <Group className="facts">
      <Group gap={2} wrap="nowrap" className="shrinks">
        <span className="mono">{imagePrefix}</span>
        <CopyButton text={imagePrefix} label="Copy what image names begin with" />
      </Group>
      <Text size="sm" c="dimmed">
        {counted(repositories, 'repository', 'repositories')}, {counted(tags, 'tag')},{' '}
        {counted(pulls.last30Days, 'pull')} in 30 days
        {sizes && (
          <>
            , <Size bytes={sizes.deduplicatedBytes} />
          </>
        )}
        {lastPush && (
          <>
            , last push <Time at={lastPush.at} /> by {lastPush.by}
          </>
        )}
        {partly && '. You see a part of its repositories'}
      </Text>
      {quota && <QuotaBar quota={quota} />}
    </Group>
  )
}

function tabsOf(registry: RegistryOverview): readonly PageTab[] {
  const { name, canManage } = registry
  const forAll = [
    {
      value: 'repositories',
      title: 'Repositories',
      content: <RepositoryList registry={registry} />,
    },
    { value: 'setup', title: 'Set up client', content: <RegistrySetup registry={registry} /> },
  ]
  const forManagers = [
    { value: 'properties', title: 'Properties', content: <Properties feed={name} /> },
    { value: 'connectors', title: 'Connectors', content: <RegistryConnectors feed={name} /> },
    { value: 'permissions', title: 'Permissions', content: <Permissions registry={registry} /> },
    { value: 'storage', title: 'Storage', content: <Storage feed={name} /> },
    { value: 'retention', title: 'Retention', content: <Retention feed={name} /> },
    { value: 'cleanup', title: 'Clean-up', content: <Jobs feed={name} /> },
    { value: 'danger', title: 'Danger zone', content: <DangerZone registry={registry} /> },
  ]
  return canManage ? [...forAll, ...forManagers] : forAll
}
