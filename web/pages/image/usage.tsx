import { Anchor, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api } from '../../../contract/api.ts'
import type { ImageDetails } from '../../../contract/images.ts'
import { useAddressState } from '../../parts/address-state.ts'
import { DigestLink } from '../../parts/digest-link.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { callQuery } from '../../queries/calls.ts'
import { addressOf } from '../../reference.ts'
import { DailyBars } from './daily-bars.tsx'
import type { ShownImage } from './image-queries.ts'

/** Who needs it: pulls, and what else has its layers. */
export function UsageTab({ shown }: { readonly shown: ShownImage }) {
  const { top, image } = shown
  return (
    <Stack gap="lg">
      <Facts
        facts={{
          'Pulls of this image': top.pulls.total.toLocaleString('en'),
          'Last pulled': <Time at={top.pulls.last} />,
          'First pushed': <Time at={top.pushed.at} />,
        }}
      />
      <RepositoryPulls feed={top.feed} repository={top.repository} />
      <section aria-labelledby="users">
        <Title order={2} id="users">
          What else uses its layers
        </Title>
        {image && <LayerUsers image={image} />}
        {top.parents.length > 0 && (
          <>
            <Text>Indexes that list it:</Text>
            <ul className="plain-list">
              {top.parents.map((digest) => (
                <li key={digest}>
                  <DigestLink feed={top.feed} repository={top.repository} digest={digest} />
                </li>
              ))}
            </ul>
          </>
        )}
      </section>
    </Stack>
  )
}

/** Pulls are counted by day for repositories, not for each image. */
function RepositoryPulls(props: { readonly feed: string; readonly repository: string }) {
  const { feed, repository } = props
  const query = callQuery(api.repositories.get, { query: { feed, repo: repository } })
  const { data, error, refetch } = useQuery(query)
  return (
    <section aria-labelledby="pulls">
      <Title order={2} id="pulls">
        Pulls of the repository, last 30 days
      </Title>
      {data && <DailyBars daily={data.daily} />}
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Waiting rows={2} />}
    </section>
  )
}

function LayerUsers({ image }: { readonly image: ImageDetails }) {
  const [, , addressWith] = useAddressState()
  const layers = image.layers.filter(({ digest }) => digest !== null)
  const most = Math.max(0, ...layers.map(({ otherImages }) => otherImages))
  const places = new Map(
    layers
      .flatMap(({ otherRepositories }) => otherRepositories)
      .map((place) => [`${place.feed}/${place.repository}`, place]),
  )
  if (most === 0 && places.size === 0) {
    return <Text>Nothing that you may view has any of its layers.</Text>
  }
  return (
    <>
      {most > 0 && (
        <Text>
          {most >= 100 ? 'More than 99' : `At least ${most}`} other{' '}
          {most === 1 ? 'image' : 'images'} of this repository {most === 1 ? 'has' : 'have'} at
          least one of them; see{' '}
          <Anchor component={Link} to={addressWith({ tab: 'layers' })} underline="always">
            Layers
          </Anchor>
          .
        </Text>
      )}
      <ul className="plain-list">
        {[...places].map(([name, { feed, repository }]) => (
          <li key={name}>
            <Anchor component={Link} to={addressOf({ feed, repository })} className="mono">
              {name}
            </Anchor>
          </li>
        ))}
      </ul>
    </>
  )
}
