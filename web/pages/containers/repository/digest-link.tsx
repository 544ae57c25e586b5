import { Anchor, Tooltip } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { RepositoryDetails } from '../../../../contract/repositories.ts'
import { addressOf, shortDigest } from '../../../reference.ts'

/** A digest that leads to its image; without a repository there is none. */
export function DigestLink(props: {
  readonly repository?: RepositoryDetails
  readonly digest: string
}) {
  const { repository, digest } = props
  const short = shortDigest(digest)
  const content =
    repository === undefined ? (
      <span className="mono unbroken">{short}</span>
    ) : (
      <Anchor
        component={Link}
        to={addressOf({ feed: repository.feed, repository: repository.name, digest })}
        className="mono unbroken"
      >
        {short}
      </Anchor>
    )
  return (
    <Tooltip label={digest} multiline maw={360} className="whole-digest">
      {content}
    </Tooltip>
  )
}
