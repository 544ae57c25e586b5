import { useEffect, useRef, useState } from 'react'
import { useKeys } from './keys.ts'

/**
 * `j` and `k` move over the rows of a table body, Enter opens the first link of the current one, or
 * the group that it is the name of; `actions` are further keys, told which row is current.
 */
export function useRowKeys(
  count: number,
  actions: Readonly<Record<string, (index: number) => void>> = {},
) {
  const ref = useRef<HTMLTableSectionElement>(null)
  const [chosen, setChosen] = useState(-1)
  const index = Math.min(chosen, count - 1)
  const move = (step: number) => setChosen(Math.max(0, Math.min(count - 1, index + step)))
  const further = Object.entries(actions).map(([key, act]) => [
    key,
    () => {
      if (index >= 0) act(index)
    },
  ])
  useKeys({
    ...Object.fromEntries(further),
    j: () => move(1),
    k: () => move(-1),
    Enter(event) {
      // Enter on something that is focused belongs to that.
      if (event.target !== document.body) return
      ref.current?.rows[index]?.querySelector<HTMLElement>('a, .group-name')?.click()
    },
  })
  useEffect(() => {
    ref.current?.rows[index]?.scrollIntoView({ block: 'nearest' })
  }, [index])
  return { ref, index }
}
