import { Anchor, Group, Tooltip } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { addressOf, shortDigest } from '../reference.ts'
import { CopyButton } from './copy.tsx'

/** A digest as people can tell it apart, whole on hover and when copied, leading to what it names. */
export function DigestLink(props: {
  readonly feed: string
  readonly repository: string
  readonly digest: string
}) {
  const { digest } = props
  const short = shortDigest(digest)
  return (
    <Group component="span" display="inline-flex" gap={2} wrap="nowrap">
      <Tooltip label={digest} multiline maw={360} className="whole-digest">
        <Anchor component={Link} to={addressOf(props)} className="mono unbroken">
          {short}
        </Anchor>
      </Tooltip>
      <CopyButton text={digest} label={`Copy ${short}`} />
    </Group>
  )
}
