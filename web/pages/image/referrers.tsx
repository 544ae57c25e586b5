import { Anchor, Badge, Stack, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { api } from '../../../contract/api.ts'
import type { ImageDetails, ReferrerInfo } from '../../../contract/images.ts'
import type { Column } from '../../parts/data-table.tsx'
import { DigestLink } from '../../parts/digest-link.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Size } from '../../parts/size.tsx'
import { Empty } from '../../parts/states.tsx'
import { visible } from '../../parts/visible.ts'
import { addressOf } from '../../reference.ts'
import type { ShownImage } from './image-queries.ts'
import { isAttestation } from './platforms.ts'

const kindNames = {
  signature: 'Signature',
  sbom: 'SBOM',
  attestation: 'Attestation',
  other: 'Other',
} as const

/** What vouches for the image or belongs to it: signatures, SBOMs, attestations. */
export function ReferrersTab({ shown }: { readonly shown: ShownImage }) {
  const { top, image, platform } = shown
  const hasChild = image !== undefined && image.digest !== top.digest
  return (
    <Stack gap="lg">
      {hasChild && <Title order={2}>Of the index</Title>}
      <Referrers image={top} />
      {hasChild && (
        <>
          <Title order={2}>Of the image for {platform?.name}</Title>
          <Referrers image={image} />
        </>
      )}
      <BuildAttestations index={top} />
    </Stack>
  )
}

function Referrers({ image }: { readonly image: ImageDetails }) {
  const { feed, repository, digest } = image
  return (
    <PagedList
      route={api.images.referrers}
      query={{ feed, repo: repository, digest }}
      caption="Referrers"
      columns={columnsFor(image)}
      keyOf={(one) => one.digest}
      empty={
        <Empty title="Nothing refers to it">
          <Text>
            Signatures, SBOMs and attestations that name this digest stand here once they are
            pushed, by cosign sign, notation sign or oras attach for example.
          </Text>
        </Empty>
      }
    />
  )
}

function columnsFor({ feed, repository }: ImageDetails): readonly Column<ReferrerInfo>[] {
  return [
    {
      title: 'Kind',
      render: ({ kind }) => (
        <Badge color="gray" className="whole-badge">
          {kindNames[kind]}
        </Badge>
      ),
    },
    {
      title: 'Artifact type',
      render: ({ artifactType, mediaType }) => (
        <span className="mono">{visible(artifactType ?? mediaType)}</span>
      ),
    },
    {
      title: 'Digest',
      render: ({ digest }) => <DigestLink {...{ feed, repository, digest }} />,
    },
    {
      title: 'Says',
      render: ({ annotations, tag }) => (
        <>
          {tag !== null && (
            <Anchor component={Link} to={addressOf({ feed, repository, tag })} className="mono">
              {tag}
            </Anchor>
          )}
          {Object.entries(annotations).map(([name, value]) => (
            <div key={name} className="mono annotation">
              {visible(name)}: {visible(value)}
            </div>
          ))}
        </>
      ),
    },
    { title: 'Size', numeric: true, render: ({ sizeBytes }) => <Size bytes={sizeBytes} /> },
  ]
}

/** BuildKit lists its attestations in the index itself. */
function BuildAttestations({ index }: { readonly index: ImageDetails }) {
  const { feed, repository } = index
  const found = index.children.filter(isAttestation)
  if (found.length === 0) return null
  return (
    <section aria-label="Attestations of the build">
      <Title order={2}>Attestations of the build</Title>
      <Text>The index lists them beside its images.</Text>
      <ul className="plain-list">
        {found.map(({ digest, annotations }) => {
          const of = annotations['vnd.docker.reference.digest']
          return (
            <li key={digest}>
              <DigestLink {...{ feed, repository, digest }} />
              {of !== undefined && (
                <>
                  {' of '}
                  <DigestLink {...{ feed, repository, digest: of }} />
                </>
              )}
            </li>
          )
        })}
      </ul>
    </section>
  )
}
