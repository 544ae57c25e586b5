import { Anchor } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { CopyButton } from '../../parts/copy.tsx'
import { addressOf, shortDigest } from '../../reference.ts'

/** A digest as people can tell it apart, whole when copied, leading to what it names. */
export function DigestLink(props: {
  readonly feed: string
  readonly repository: string
  readonly digest: string
}) {
  const { digest } = props
  return (
    <span className="digest-link">
      <Anchor component={Link} to={addressOf(props)} className="mono" title={digest}>
        {shortDigest(digest)}
      </Anchor>
      <CopyButton text={digest} label={`Copy ${shortDigest(digest)}`} />
    </span>
  )
}
