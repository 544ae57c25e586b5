import { Anchor, Stack, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { api } from '../../../contract/api.ts'
import type { ImageDetails, ImageEvent } from '../../../contract/images.ts'
import type { TagMove } from '../../../contract/tags.ts'
import type { Column } from '../../parts/data-table.tsx'
import { DigestLink } from '../../parts/digest-link.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Empty } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { addressOf, shortDigest } from '../../reference.ts'

type Place = Pick<ImageDetails, 'feed' | 'repository'>

/** Who pushed it, which tags came and went, and where the tag of the address pointed before. */
export function HistoryTab({ image }: { readonly image: ImageDetails }) {
  const { feed, repository, digest, tag } = image
  return (
    <Stack gap="lg">
      {tag !== null && (
        <section aria-labelledby="tag-history">
          <Title order={2} id="tag-history">
            Where <span className="mono">{tag}</span> pointed
          </Title>
          <PagedList
            route={api.tags.history}
            query={{ feed, repo: repository, tag, count: '20' }}
            caption={`Moves of the tag ${tag}`}
            columns={tagColumns(image)}
            keyOf={({ id }) => id}
            empty={
              <Text>No move is recorded: it was pushed before this server kept its history.</Text>
            }
          />
        </section>
      )}
      <section aria-labelledby="image-history">
        <Title order={2} id="image-history">
          This image
        </Title>
        <PagedList
          route={api.images.history}
          query={{ feed, repo: repository, digest, count: '20' }}
          caption="History of the image"
          columns={imageColumns(image)}
          keyOf={(event) => `${event.at} ${event.what} ${event.tag}`}
          empty={
            <Empty title="Nothing is recorded">
              <Text>It was pushed before this server kept a history.</Text>
            </Empty>
          }
        />
      </section>
    </Stack>
  )
}

function tagColumns(image: ImageDetails): readonly Column<TagMove>[] {
  return [
    { title: 'When', render: ({ at }) => <Time at={at} /> },
    { title: 'Who', render: ({ by }) => by },
    {
      title: 'Pointed at',
      render: ({ digest }) =>
        digest === null ? 'deleted' : <Other place={image} digest={digest} here={image.digest} />,
    },
    {
      title: 'Before',
      render: ({ previousDigest, previousIsThere }) => {
        if (previousDigest === null) return 'new'
        if (previousIsThere)
          return <Other place={image} digest={previousDigest} here={image.digest} />
        return (
          <Text span inherit c="dimmed" className="mono">
            {shortDigest(previousDigest)}, deleted since
          </Text>
        )
      },
    },
    {
      title: 'Compare',
      silent: true,
      render: ({ digest, previousDigest, previousIsThere }) =>
        digest !== null &&
        previousDigest !== null &&
        previousIsThere && (
          <Anchor
            component={Link}
            to={`${addressOf({ ...placeOf(image), digest })}?compare=${encodeURIComponent(previousDigest)}`}
          >
            Compare
          </Anchor>
        ),
    },
  ]
}

function imageColumns(image: ImageDetails): readonly Column<ImageEvent>[] {
  return [
    { title: 'When', render: ({ at }) => <Time at={at} /> },
    { title: 'Who', render: ({ by }) => by },
    { title: 'What', render: (event) => <What event={event} image={image} /> },
  ]
}

function What({ event, image }: { readonly event: ImageEvent; readonly image: ImageDetails }) {
  const { what, tag, otherDigest } = event
  if (what === 'pushed') return 'pushed'
  const name = <span className="mono">{tag}</span>
  const other = otherDigest && <DigestLink {...placeOf(image)} digest={otherDigest} />
  if (what === 'tagged') {
    return (
      <>
        tagged {name}
        {other && <>, which pointed at {other}</>}
      </>
    )
  }
  return other ? (
    <>
      tag {name} moved to {other}
    </>
  ) : (
    <>tag {name} deleted</>
  )
}

function Other(props: { readonly place: Place; readonly digest: string; readonly here: string }) {
  if (props.digest === props.here) return 'this image'
  return <DigestLink {...placeOf(props.place)} digest={props.digest} />
}

function placeOf({ feed, repository }: Place): Place {
  return { feed, repository }
}
