import { getRouteApi } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { Page } from '../../parts/page.tsx'
import { Empty, Waiting } from '../../parts/states.tsx'
import { parseReference, type Reference } from '../../reference.ts'

const route = getRouteApi('/frame/containers/$')
const RegistryPage = lazy(async () => ({ default: (await import('./registry.tsx')).RegistryPage }))
const RepositoryPage = lazy(async () => ({
  default: (await import('./repository.tsx')).RepositoryPage,
}))
const ImagePage = lazy(async () => ({
  default: (await import('../image/image-page.tsx')).ImagePage,
}))

/** The page of whatever the address names. Each is loaded when it is first needed. */
export function ReferencePage() {
  const { _splat: text = '' } = route.useParams()
  const reference = parseReference(text)
  if (reference === undefined) {
    return (
      <Page title={text}>
        <Empty title="This is no image reference">
          One looks like main/team/app:1.4: the registry, the repository, then a tag or a digest.
        </Empty>
      </Page>
    )
  }
  return (
    <Suspense fallback={<Waiting />}>
      <Named key={text} reference={reference} />
    </Suspense>
  )
}

function Named({ reference }: { readonly reference: Reference }) {
  const { feed, repository, tag, digest } = reference
  if (repository === null) return <RegistryPage feed={feed} />
  if (tag === null && digest === null) {
    return <RepositoryPage feed={feed} repository={repository} />
  }
  return <ImagePage reference={{ ...reference, repository }} />
}
