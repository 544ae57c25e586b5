import { Tabs } from '@mantine/core'
import { lazy, type ReactNode, Suspense } from 'react'
import { useAddressState } from '../../parts/address-state.ts'
import { Page } from '../../parts/page.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { formatReference, shortDigest } from '../../reference.ts'
import { CompareWith } from './compare-with.tsx'
import { DeleteImage } from './delete-image.tsx'
import { HistoryTab } from './history.tsx'
import { ImageHead } from './image-head.tsx'
import { type ImageReference, type ShownImage, useImage } from './image-queries.ts'
import { LayersTab } from './layers.tsx'
import { ManifestTab } from './manifest.tsx'
import { NotHere, RefreshImage } from './origin.tsx'
import { OverviewTab } from './overview.tsx'
import { ReferrersTab } from './referrers.tsx'
import { UsageTab } from './usage.tsx'
import './image.css'

const FilesTab = lazy(async () => ({ default: (await import('./files/files-tab.tsx')).FilesTab }))
const ComparePage = lazy(async () => ({
  default: (await import('../compare/compare-page.tsx')).ComparePage,
}))

interface TabContent {
  readonly title: string
  readonly render: (shown: ShownImage) => ReactNode
}

const tabs: Readonly<Record<string, TabContent>> = {
  overview: { title: 'Overview', render: (shown) => <OverviewTab shown={shown} /> },
  layers: {
    title: 'Layers',
    render: (shown) => <OneImage {...shown}>{(image) => <LayersTab image={image} />}</OneImage>,
  },
  files: {
    title: 'Files',
    render: (shown) => <OneImage {...shown}>{(image) => <FilesTab image={image} />}</OneImage>,
  },
  manifest: { title: 'Manifest', render: (shown) => <ManifestTab shown={shown} /> },
  referrers: { title: 'Referrers', render: (shown) => <ReferrersTab shown={shown} /> },
  history: { title: 'History', render: ({ top }) => <HistoryTab image={top} /> },
  usage: { title: 'Usage', render: (shown) => <UsageTab shown={shown} /> },
}

/** An image by tag or digest: what it is, what is in it, and the line that pulls it. */
export function ImagePage({ reference }: { readonly reference: ImageReference }) {
  const [{ compare: compared }] = useAddressState()
  if (compared !== undefined) {
    return (
      <Suspense fallback={<Waiting />}>
        <ComparePage reference={reference} from={compared} />
      </Suspense>
    )
  }
  return <OneImagePage reference={reference} />
}

function OneImagePage({ reference }: { readonly reference: ImageReference }) {
  const [{ platform }] = useAddressState()
  const { shown, error, refetch } = useImage(reference, platform)
  const title = titleOf(reference)
  if (shown === undefined) {
    return (
      <Page title={title}>
        {error ? <Failure error={error} onRetry={refetch} /> : <Waiting rows={10} />}
      </Page>
    )
  }
  return (
    <Page
      title={title}
      heading={<span className="image-title">{title}</span>}
      actions={
        <>
          <RefreshImage image={shown.top} />
          <CompareWith image={shown.top} />
          <DeleteImage image={shown.top} />
        </>
      }
    >
      {error && <Failure error={error} onRetry={refetch} />}
      <ImageHead shown={shown} />
      <ImageTabs shown={shown} />
    </Page>
  )
}

function ImageTabs({ shown }: { readonly shown: ShownImage }) {
  const [{ tab: wanted = '' }, setAddress] = useAddressState()
  const value = Object.hasOwn(tabs, wanted) ? wanted : 'overview'
  return (
    <Tabs
      value={value}
      keepMounted={false}
      onChange={(tab) =>
        // What a tab has in the address is its own.
        setAddress(
          {
            ...{ layer: undefined, path: undefined, find: undefined, show: undefined },
            tab: tab ?? undefined,
          },
          { asStep: true },
        )
      }
    >
      <Tabs.List className="image-tabs">
        {Object.entries(tabs).map(([name, { title }]) => (
          <Tabs.Tab key={name} value={name}>
            {title}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {Object.entries(tabs).map(([name, { render }]) => (
        <Tabs.Panel key={name} value={name} pt="md">
          {name === value && <Suspense fallback={<Waiting />}>{render(shown)}</Suspense>}
        </Tabs.Panel>
      ))}
    </Tabs>
  )
}

/** For what an index itself has none of: its image for the chosen platform, once that is here. */
function OneImage(
  props: ShownImage & { readonly children: (image: NonNullable<ShownImage['image']>) => ReactNode },
) {
  const { image, imageError, retryImage, platform } = props
  if (image !== undefined) return props.children(image)
  if (imageError !== null) return <Failure error={imageError} onRetry={retryImage} />
  if (platform === undefined) return <p>This index lists no image.</p>
  if (!platform.isHere) {
    return (
      <p>
        The index lists an image for {platform.name}, but <NotHere index={props.top} />. Choose
        another platform above.
      </p>
    )
  }
  return <Waiting />
}

function titleOf({ repository, tag, digest }: ImageReference): string {
  if (digest === null) return formatReference({ feed: repository, tag })
  return `${formatReference({ feed: repository, tag })}@${shortDigest(digest)}`
}
