import { Box } from '@mantine/core'
import type { ReactNode } from 'react'

/** A text in its own lines. It scrolls, by the keyboard too. */
export function SourceText(props: {
  /** What it is, for screen readers. */
  readonly label: string
  readonly className?: string
  readonly children: ReactNode
}) {
  return (
    <Box
      component="pre"
      role="region"
      aria-label={props.label}
      tabIndex={0}
      className={`source ${props.className ?? ''}`}
    >
      {props.children}
    </Box>
  )
}
