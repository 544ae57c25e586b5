import { Badge, Group, Tooltip } from '@mantine/core'

const shownCount = 3

/** What an image runs on, as chips: the first few, the others on hover and for screen readers. */
export function Platforms({ platforms }: { readonly platforms: readonly string[] }) {
  if (platforms.length === 0) return <span>–</span>
  const shown = platforms.length <= shownCount + 1 ? platforms : platforms.slice(0, shownCount)
  const others = platforms.slice(shown.length)
  return (
    <Group gap={4} wrap="nowrap">
      {shown.map((platform) => (
        <Tooltip key={platform} label={platform}>
          <Badge color="gray" fw={500} className="chip">
            {shortPlatform(platform)}
          </Badge>
        </Tooltip>
      ))}
      {others.length > 0 && (
        <Tooltip
          label={others.join(', ')}
          multiline
          maw={360}
          events={{ hover: true, focus: true, touch: true }}
        >
          <Badge color="gray" variant="outline" fw={500} className="chip" tabIndex={0} role="note">
            +{others.length}
            <span className="for-readers"> more: {others.join(', ')}</span>
          </Badge>
        </Tooltip>
      )}
    </Group>
  )
}

/** Nearly everything is Linux: that goes without saying. */
export function shortPlatform(platform: string): string {
  return platform.replace(/^linux\//, '').replace(/:.*$/, '')
}
