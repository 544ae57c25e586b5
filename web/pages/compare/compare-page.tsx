import { Alert, Anchor, Group, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api } from '../../../contract/api.ts'
import type { Comparison, ImageFacts } from '../../../contract/images.ts'
import { useAddressState } from '../../parts/address-state.ts'
import { CopyButton } from '../../parts/copy.tsx'
import { Page } from '../../parts/page.tsx'
import { formatSize, Size } from '../../parts/size.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { callQuery } from '../../queries/calls.ts'
import { addressOf, shortDigest } from '../../reference.ts'
import { type ImageReference, type ShownImage, useImage } from '../image/image-queries.ts'
import { PlatformSwitch } from '../image/platform-switch.tsx'
import { ChangeTable } from './change-table.tsx'
import { FileChanges } from './file-changes.tsx'
import { LayerChanges } from './layer-changes.tsx'
import './compare.css'

/** What differs between two images of a repository: from the one named in the query to this one. */
export function ComparePage(props: { readonly reference: ImageReference; readonly from: string }) {
  const { reference, from } = props
  const { repository, tag, digest } = reference
  const [{ platform }] = useAddressState()
  const to = digest ?? tag ?? ''
  const { shown, error, refetch } = useImage(reference, platform)
  const title = `${repository}: ${inWords(from)} → ${inWords(to)}`
  return (
    <Page
      title={title}
      heading={<span className="image-title">{title}</span>}
      actions={<Swap reference={reference} from={from} />}
    >
      {error && <Failure error={error} onRetry={refetch} />}
      {!shown && !error && <Waiting rows={10} />}
      {shown && (
        <>
          <PlatformSwitch shown={shown} />
          <Differences shown={shown} from={from} to={to} />
        </>
      )}
    </Page>
  )
}

function inWords(reference: string): string {
  return reference.includes(':') ? shortDigest(reference) : reference
}

/** The same the other way round. */
function Swap({ reference, from }: { readonly reference: ImageReference; readonly from: string }) {
  const { feed, repository, tag, digest } = reference
  const [{ platform }] = useAddressState()
  const other = from.includes(':') ? { digest: from } : { tag: from }
  const search = new URLSearchParams({ compare: digest ?? tag ?? '' })
  if (platform !== undefined) search.set('platform', platform)
  return (
    <Anchor
      component={Link}
      to={`${addressOf({ feed, repository, ...other })}?${search}`}
      size="sm"
    >
      The other way round
    </Anchor>
  )
}

function Differences(props: {
  readonly shown: ShownImage
  readonly from: string
  readonly to: string
}) {
  const { shown, from, to } = props
  const { feed, repository: repo, kind } = shown.top
  const platform = kind === 'index' ? shown.platform?.name : undefined
  const query = { feed, repo, left: from, right: to, ...(platform !== undefined && { platform }) }
  const { data, error, refetch } = useQuery(callQuery(api.images.compare, { query }))
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting rows={10} />
  }
  const place = { feed, repository: repo }
  return (
    <Stack gap="lg">
      <div className="compare-sides">
        <Side title="From" name={from} facts={data.left} {...place} />
        <Side title="To" name={to} facts={data.right} {...place} />
      </div>
      {data.problem === null ? (
        <Changes comparison={data} />
      ) : (
        <Alert color="yellow" title="Configuration and layers cannot be compared">
          {data.problem}
        </Alert>
      )}
      {data.left.kind === 'image' && data.right.kind === 'image' && (
        <FileChanges {...place} from={data.left.digest} to={data.right.digest} />
      )}
    </Stack>
  )
}

function Side(props: {
  readonly title: string
  readonly name: string
  readonly facts: ImageFacts
  readonly feed: string
  readonly repository: string
}) {
  const { title, name, facts, feed, repository } = props
  const address = name.includes(':') ? { digest: name } : { tag: name }
  return (
    <section className="compare-side" aria-label={title}>
      <Text size="sm" c="dimmed">
        {title}
      </Text>
      <Anchor
        component={Link}
        to={addressOf({ feed, repository, ...address })}
        className="mono"
        fw={600}
      >
        {inWords(name)}
      </Anchor>
      <Group gap={4} wrap="nowrap">
        <span className="mono" title={facts.digest}>
          {shortDigest(facts.digest)}
        </span>
        <CopyButton text={facts.digest} label={`Copy ${shortDigest(facts.digest)}`} />
      </Group>
      <Text size="sm">
        <Size bytes={facts.sizeBytes} />, pushed <Time at={facts.pushed.at} /> by {facts.pushed.by}
      </Text>
    </section>
  )
}

function Changes({ comparison }: { readonly comparison: Comparison }) {
  const { left, right, config, labels, env, layers } = comparison
  if (left.digest === right.digest) {
    return <Text>Both are the same image: nothing differs.</Text>
  }
  const quiet = config.length + env.length + labels.length === 0
  return (
    <>
      <Text>{summaryOf(comparison)}</Text>
      {quiet && <Text>Configuration, environment and labels are the same.</Text>}
      <ChangeTable title="Configuration" changes={config} />
      <ChangeTable title="Environment" changes={env} />
      <ChangeTable title="Labels" changes={labels} />
      <section aria-labelledby="layers">
        <Title order={2} id="layers">
          Layers
        </Title>
        <LayerChanges layers={layers} />
      </section>
    </>
  )
}

function summaryOf({ layers, keptBytes, addedBytes, removedBytes }: Comparison): string {
  const part = (state: 'kept' | 'added' | 'removed', bytes: number, verb: string) => {
    const count = layers.filter((layer) => layer.state === state).length
    if (count === 0) return []
    return `${count} ${count === 1 ? 'layer' : 'layers'} ${verb} (${formatSize(bytes)})`
  }
  return `${[
    part('kept', keptBytes, 'kept'),
    part('added', addedBytes, 'new: who has the other downloads these'),
    part('removed', removedBytes, 'gone'),
  ]
    .flat()
    .join(', ')}.`
}
