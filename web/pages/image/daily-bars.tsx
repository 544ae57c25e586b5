import { Text } from '@mantine/core'

const dayMs = 24 * 3600 * 1000
const dayName = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', timeZone: 'UTC' })

/** A bar for each day, today last; the words below say what matters. `daily` ends with today. */
export function DailyBars({ daily }: { readonly daily: readonly number[] }) {
  const most = Math.max(...daily, 1)
  const total = daily.reduce((sum, count) => sum + count, 0)
  const nameOf = (at: number) => dayName.format(Date.now() - (daily.length - 1 - at) * dayMs)
  const top = daily.indexOf(most)
  const words =
    total === 0
      ? 'No pulls.'
      : `${total.toLocaleString('en')} pulls, most on ${nameOf(top)}: ${most.toLocaleString('en')}.`
  return (
    <>
      <svg
        className="daily-bars"
        viewBox={`0 0 ${daily.length * 10} 60`}
        preserveAspectRatio="none"
        role="img"
        aria-label={words}
      >
        {daily.map((count, at) => {
          const height = count === 0 ? 1 : Math.max(3, (count / most) * 58)
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: a place is a day.
            <rect key={at} x={at * 10 + 1} y={60 - height} width={8} height={height}>
              <title>{`${nameOf(at)}: ${count.toLocaleString('en')}`}</title>
            </rect>
          )
        })}
      </svg>
      <div className="daily-ends">
        <span>{nameOf(0)}</span>
        <span>today</span>
      </div>
      <Text size="sm">{words}</Text>
    </>
  )
}
