import { useEffect, useRef, useState } from 'react'

type Key = string | number

const shownMs = 4000

/**
 * Which rows came since the last look, for a little while: a push shows itself. Another page of the
 * list, which shares no row with the one before, is nothing new.
 */
export function useFreshKeys(keys: readonly Key[]): ReadonlySet<Key> {
  const known = useRef<readonly Key[] | undefined>(undefined)
  const [fresh, setFresh] = useState<ReadonlySet<Key>>(new Set())
  const text = keys.join('\n')
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text is the keys.
  useEffect(() => {
    const before = known.current
    known.current = keys
    if (before === undefined || !keys.some((key) => before.includes(key))) return
    const added = keys.filter((key) => !before.includes(key))
    // The row that fills the place of a removed one is old: only what pushes others down is new.
    if (added.length === 0 || added.length > keys.length / 2) return
    if (keys.lastIndexOf(before.at(-1) ?? '') === keys.indexOf(added[0] ?? '') - 1) return
    setFresh(new Set(added))
  }, [text])
  useEffect(() => {
    if (fresh.size === 0) return
    const timer = setTimeout(() => setFresh(new Set()), shownMs)
    return () => clearTimeout(timer)
  }, [fresh])
  return fresh
}
