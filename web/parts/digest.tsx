import { Group, Tooltip } from '@mantine/core'
import { shortDigest } from '../reference.ts'
import { CopyButton } from './copy.tsx'

/** Short to look at, whole on hover and when copied. */
export function Digest({ digest }: { readonly digest: string }) {
  return (
    <Group gap={2} wrap="nowrap">
      <Tooltip label={digest} multiline maw={360} className="whole-digest">
        <span className="mono unbroken">{shortDigest(digest)}</span>
      </Tooltip>
      <CopyButton text={digest} label="Copy the digest" />
    </Group>
  )
}
