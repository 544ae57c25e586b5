import { Badge, Stack, Text } from '@mantine/core'
import type { ConnectorInfo } from '../../../contract/connectors.ts'
import { Time } from '../../parts/time.tsx'

/** Where a connector leads: an address, or a registry of this server. */
export function ConnectorPlace({ url, feed }: Pick<ConnectorInfo, 'url' | 'feed'>) {
  if (url !== null) return <span className="mono wraps">{url}</span>
  return feed === null ? 'a registry that is gone' : `the registry ${feed} of this server`
}

/** How it was with it lately, as far as this server knows. */
export function ConnectorState({ connector }: { readonly connector: ConnectorInfo }) {
  const { enabled, lastError, rateLimit } = connector
  return (
    <Stack gap={2} align="flex-start">
      {!enabled && <Badge color="yellow">switched off</Badge>}
      {lastError !== null && (
        <Text size="sm" className="wraps" maw="44ch">
          <Badge color="red" component="span">
            failed
          </Badge>{' '}
          <Time at={lastError.at} />: {lastError.message}
        </Text>
      )}
      {rateLimit !== null && (
        <Text size="sm">
          {rateLimit.remaining === 0 && <Badge color="orange">limit reached</Badge>}{' '}
          {rateLimitInWords(rateLimit)}, <Time at={rateLimit.at} />
        </Text>
      )}
      {enabled && lastError === null && rateLimit === null && (
        <Text size="sm" c="dimmed">
          no failure known
        </Text>
      )}
    </Stack>
  )
}

type RateLimit = NonNullable<ConnectorInfo['rateLimit']>

/** "83 of 100 requests left in 6 h". */
function rateLimitInWords({ limit, remaining, windowSeconds }: RateLimit): string {
  const left =
    limit === null ? `${remaining} requests left` : `${remaining} of ${limit} requests left`
  return windowSeconds === null ? left : `${left} in ${lengthInWords(windowSeconds)}`
}

function lengthInWords(seconds: number): string {
  if (seconds >= 3600) return `${Math.round(seconds / 3600)} h`
  return seconds >= 60 ? `${Math.round(seconds / 60)} min` : `${seconds} s`
}
