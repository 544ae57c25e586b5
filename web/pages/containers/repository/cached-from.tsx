import type { Cached } from '../../../../contract/tags.ts'
import { Icon } from '../../../parts/icon.tsx'
import { Time } from '../../../parts/time.tsx'

/** "cached from hub, checked 4 min ago", and what its last check failed with. */
export function CachedFrom({ connector, checked, failure }: Cached) {
  if (connector === null) return 'cached from a connector that is deleted: never checked again'
  return (
    <>
      cached from {connector}
      {checked !== null && (
        <span className="unbroken">
          , checked <Time at={checked} />
        </span>
      )}
      {failure !== null && (
        <span className="stale">
          <Icon name="warning" size={14} /> It may be out of date: its check failed{' '}
          <Time at={failure.at} />, {failure.message}
        </span>
      )}
    </>
  )
}
