import { Badge, Group, Progress, Text } from '@mantine/core'
import type { Quota } from '../../contract/browse.ts'
import { shareOf } from './quota-words.ts'
import { formatSize } from './size.tsx'

/** How much of a quota is used, as a bar and in words; it warns from 80 % on. */
export function QuotaBar({ quota }: { readonly quota: Quota }) {
  const { bytes, usedBytes } = quota
  const share = shareOf(quota)
  return (
    <Group gap="xs" wrap="nowrap">
      <Progress
        value={Math.min(share, 100)}
        color={colorOf(quota)}
        w={120}
        aria-label="How much of the quota is used"
      />
      <Text size="sm" c="dimmed">
        {formatSize(usedBytes)} of {formatSize(bytes)}, {share} % of the quota
      </Text>
      <QuotaWarning quota={quota} />
    </Group>
  )
}

/** Where little room is left; nothing elsewhere. */
export function QuotaWarning({ quota }: { readonly quota: Quota | null }) {
  if (!quota?.nearlyFull) return null
  const isFull = quota.usedBytes >= quota.bytes
  return <Badge color={colorOf(quota)}>{isFull ? 'quota used up' : 'quota nearly used up'}</Badge>
}

function colorOf({ bytes, usedBytes, nearlyFull }: Quota): string {
  if (usedBytes >= bytes) return 'red'
  return nearlyFull ? 'yellow' : 'harbour'
}
