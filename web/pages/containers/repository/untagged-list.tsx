import { Badge, Button, Checkbox, Group, Text } from '@mantine/core'
import { useState } from 'react'
import { api } from '../../../../contract/api.ts'
import type { UntaggedImage } from '../../../../contract/images.ts'
import type { RepositoryDetails } from '../../../../contract/repositories.ts'
import { Count, counted } from '../../../parts/count.tsx'
import type { Column } from '../../../parts/data-table.tsx'
import { DigestLink } from '../../../parts/digest-link.tsx'
import { Icon } from '../../../parts/icon.tsx'
import { PagedList } from '../../../parts/paged-list.tsx'
import { Platforms } from '../../../parts/platforms.tsx'
import { type Selection, useSelection } from '../../../parts/selection.ts'
import { Size } from '../../../parts/size.tsx'
import { Empty } from '../../../parts/states.tsx'
import { Time } from '../../../parts/time.tsx'
import { shortDigest } from '../../../reference.ts'
import { DeleteDialog } from './delete-dialog.tsx'

const pageSize = '50'
const maxChosen = 100

/** Images that no tag points at: parts of an index, what refers to an image, and the forgotten. */
export function UntaggedList({ repository }: { readonly repository: RepositoryDetails }) {
  const selection = useSelection<UntaggedImage>(({ digest }) => digest, maxChosen)
  const [deleting, setDeleting] = useState(false)
  const { feed, name: repo, canDelete } = repository
  const chosen = selection.rows.length
  return (
    <>
      <Group gap="xs" mb="xs" mih={34} role="group" aria-label="Chosen images">
        {canDelete && (
          <Button
            size="xs"
            variant="default"
            leftSection={<Icon name="trash" size={14} />}
            disabled={chosen === 0}
            onClick={() => setDeleting(true)}
          >
            Delete…
          </Button>
        )}
        <Text size="sm" c="dimmed" role="status">
          {chosen === 0 ? 'Choose images by their boxes.' : `${counted(chosen, 'image')} chosen`}
        </Text>
      </Group>
      <PagedList
        route={api.images.untagged}
        query={{ feed, repo, count: pageSize }}
        caption={`Images without a tag in ${repo}`}
        columns={columnsOf(repository, selection)}
        keyOf={({ digest }) => digest}
        empty={
          <Empty title="Every image has a tag">
            <Text>
              An image loses its last tag when the tag moves or is deleted. Those are listed here
              then.
            </Text>
          </Empty>
        }
      />
      {deleting && (
        <DeleteDialog
          repository={repository}
          images={selection.rows.map(({ digest }) => digest)}
          onClose={() => setDeleting(false)}
          onDone={selection.clear}
        />
      )}
    </>
  )
}

function columnsOf(
  repository: RepositoryDetails,
  selection: Selection<UntaggedImage>,
): readonly Column<UntaggedImage>[] {
  return [
    {
      title: 'Choose',
      silent: true,
      render: (image) => (
        <Checkbox
          aria-label={`Choose ${shortDigest(image.digest)}`}
          checked={selection.has(image)}
          onChange={() => selection.toggle(image)}
        />
      ),
    },
    {
      title: 'Digest',
      render: ({ digest }) => (
        <DigestLink feed={repository.feed} repository={repository.name} digest={digest} />
      ),
    },
    { title: 'What', render: (image) => <Kind image={image} /> },
    { title: 'Platforms', render: ({ platforms }) => <Platforms platforms={platforms} /> },
    { title: 'Size', numeric: true, render: ({ sizeBytes }) => <Size bytes={sizeBytes} /> },
    {
      title: 'Pushed',
      render: ({ pushed }) => (
        <span className="unbroken">
          <Time at={pushed.at} />, {pushed.by}
        </span>
      ),
    },
    { title: 'Pulled', render: ({ lastPulled }) => <Time at={lastPulled} /> },
    { title: 'Pulls', numeric: true, render: ({ pulls }) => <Count value={pulls} /> },
  ]
}

function Kind({ image }: { readonly image: UntaggedImage }) {
  const { kind, parents, subject, artifactType, orphanedSince } = image
  const words = [
    artifactType ?? kind,
    ...(parents > 0 ? [`in ${counted(parents, 'index', 'indexes')}`] : []),
    ...(subject !== null ? [`refers to ${shortDigest(subject)}`] : []),
  ]
  return (
    <>
      {words.join(', ')} {orphanedSince !== null && <Badge color="yellow">clean-up takes it</Badge>}
    </>
  )
}
