import type { ReactNode } from 'react'
import { counted } from '../../parts/count.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Size } from '../../parts/size.tsx'
import type { Measured } from './measured-list.tsx'

/** How large all of it is, and what else is known of it. */
export function SizeFacts(props: {
  readonly of: Omit<Measured, 'name'>
  readonly more?: Readonly<Record<string, ReactNode>>
}) {
  const { deduplicatedBytes, logicalBytes, manifestBytes, manifests, blobs } = props.of
  return (
    <Facts
      facts={{
        'Each layer once': <Size bytes={deduplicatedBytes} />,
        'If nothing were shared': <Size bytes={logicalBytes} />,
        'Manifests, in the database': <Size bytes={manifestBytes} />,
        Holds: `${counted(manifests, 'image')}, ${counted(blobs, 'layer')}`,
        ...props.more,
      }}
    />
  )
}
