import { Badge, Modal } from '@mantine/core'
import { api } from '../../../../contract/api.ts'
import type { RepositoryDetails } from '../../../../contract/repositories.ts'
import type { TagMove } from '../../../../contract/tags.ts'
import { useAddressState } from '../../../parts/address-state.ts'
import type { Column } from '../../../parts/data-table.tsx'
import { Digest } from '../../../parts/digest.tsx'
import { DigestLink } from '../../../parts/digest-link.tsx'
import { PagedList } from '../../../parts/paged-list.tsx'
import { Empty } from '../../../parts/states.tsx'
import { Time } from '../../../parts/time.tsx'

/** Where a tag pointed, while `?history=` names it. */
export function TagHistory({ repository }: { readonly repository: RepositoryDetails }) {
  const [{ history: tag }, setAddress] = useAddressState()
  const { feed, name: repo } = repository
  return (
    <Modal
      opened={tag !== undefined}
      onClose={() => setAddress({ history: undefined })}
      title={`History of ${tag ?? ''}`}
      size="xl"
    >
      {tag !== undefined && (
        <PagedList
          route={api.tags.history}
          query={{ feed, repo, tag, count: '20' }}
          caption={`Where ${tag} pointed`}
          columns={columnsOf(repository)}
          keyOf={({ id }) => id}
          empty={<Empty title="Nothing is known of this tag" />}
        />
      )}
    </Modal>
  )
}

function columnsOf({ feed, name }: RepositoryDetails): readonly Column<TagMove>[] {
  const place = { feed, repository: name }
  return [
    { title: 'When', render: ({ at }) => <Time at={at} /> },
    { title: 'Who', render: ({ by }) => by },
    { title: 'What', render: ({ digest, previousDigest }) => verbOf(digest, previousDigest) },
    {
      title: 'Points at',
      render: ({ digest }) => (digest === null ? '–' : <DigestLink {...place} digest={digest} />),
    },
    {
      title: 'Pointed at',
      render: ({ previousDigest, previousIsThere }) => {
        if (previousDigest === null) return '–'
        if (previousIsThere) return <DigestLink {...place} digest={previousDigest} />
        return (
          <>
            <Digest digest={previousDigest} /> <Badge color="gray">gone</Badge>
          </>
        )
      },
    },
  ]
}

function verbOf(digest: string | null, previousDigest: string | null): string {
  if (digest === null) return 'deleted'
  if (previousDigest === null) return 'created'
  return digest === previousDigest ? 'pushed again' : 'moved'
}
