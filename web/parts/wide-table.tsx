import { Table } from '@mantine/core'
import { type ReactNode, useEffect, useRef } from 'react'

const stops = 'a[href],button,input,summary,[tabindex="0"]'

/**
 * A table that scrolls sideways where the screen is narrow. Where there is nothing in it that Tab
 * comes to, itself is a stop, so that the keyboard can scroll it.
 */
export function WideTable(props: {
  readonly label: string
  readonly minWidth: number
  readonly children: ReactNode
}) {
  const ref = useRef<HTMLDivElement>(null)
  // After every render, as each may have brought other rows.
  useEffect(() => {
    const area = ref.current
    if (area === null) return
    const isStop = area.scrollWidth > area.clientWidth && area.querySelector(stops) === null
    if (isStop) area.tabIndex = 0
    else area.removeAttribute('tabindex')
  })
  return (
    <Table.ScrollContainer
      minWidth={props.minWidth}
      type="native"
      ref={ref}
      role="group"
      aria-label={props.label}
    >
      {props.children}
    </Table.ScrollContainer>
  )
}
