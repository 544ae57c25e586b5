import { Tabs } from '@mantine/core'
import type { ReactNode } from 'react'
import { useAddressState } from './address-state.ts'

export interface PageTab {
  readonly value: string
  readonly title: string
  readonly content: ReactNode
}

/** The parts of a page, one at a time; `?tab=` says which, without it the first. */
export function PageTabs({ label, tabs }: { label: string; tabs: readonly PageTab[] }) {
  const [{ tab }, setAddress] = useAddressState()
  const first = tabs[0]?.value ?? ''
  const open = tabs.some(({ value }) => value === tab) ? tab : first
  return (
    <Tabs
      value={open ?? first}
      onChange={(value) => {
        // A filter belongs to the tab that it was made on.
        setAddress(
          {
            ...{ search: undefined, sort: undefined, platform: undefined, measure: undefined },
            ...{ preview: undefined, run: undefined },
            tab: value === null || value === first ? undefined : value,
          },
          { asStep: true },
        )
      }}
      keepMounted={false}
    >
      <Tabs.List aria-label={label} mb="md">
        {tabs.map(({ value, title }) => (
          <Tabs.Tab key={value} value={value}>
            {title}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {tabs.map(({ value, content }) => (
        <Tabs.Panel key={value} value={value}>
          {content}
        </Tabs.Panel>
      ))}
    </Tabs>
  )
}
