import type { TagInfo } from '../../../../contract/tags.ts'
import { Icon } from '../../../parts/icon.tsx'
import { Time } from '../../../parts/time.tsx'
import { useFailureSince } from '../../../queries/connectors.ts'

/** "cached from hub, checked 4 min ago", and whether the connector failed since. */
export function CachedFrom({ connector, checked }: NonNullable<TagInfo['cachedFrom']>) {
  const failure = useFailureSince(connector, checked)
  if (connector === null) return 'cached from a connector that is deleted: never checked again'
  return (
    <>
      cached from {connector},{' '}
      {checked === null ? (
        'not checked yet'
      ) : (
        <span className="unbroken">
          checked <Time at={checked} />
        </span>
      )}
      {failure !== null && (
        <span className="stale">
          <Icon name="warning" size={14} /> It may be out of date: {connector} failed{' '}
          <Time at={failure.at} />, {failure.message}
        </span>
      )}
    </>
  )
}
