import { Text, Tooltip } from '@mantine/core'
import { useEffect, useState } from 'react'

const steps: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 365 * 24 * 3600],
  ['month', 30 * 24 * 3600],
  ['day', 24 * 3600],
  ['hour', 3600],
  ['minute', 60],
]
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'short' })
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'long', timeStyle: 'long' })
const tickMs = 20_000

/** "4 min. ago", with the exact time on hover. `at` is ISO 8601. */
export function Time({
  at,
  none = 'never',
}: {
  readonly at: string | null
  readonly none?: string
}) {
  const now = useNow()
  if (at === null)
    return (
      <Text span c="dimmed" inherit>
        {none}
      </Text>
    )
  const date = new Date(at)
  return (
    <Tooltip label={exact.format(date)} events={{ hover: true, focus: true, touch: true }}>
      <time dateTime={at}>{formatRelative(date.getTime(), now)}</time>
    </Tooltip>
  )
}

export function formatRelative(atMs: number, nowMs: number): string {
  const seconds = Math.round((atMs - nowMs) / 1000)
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit)
  }
  return seconds > 5 ? 'in a moment' : 'just now'
}

/** Now, again every little while. */
function useNow(): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), tickMs)
    return () => clearInterval(timer)
  }, [])
  return now
}
