const width = 3
const gap = 1
const height = 18

/** Small bars, one a day, the last at the right. Decoration: the sum stands beside it in words. */
export function Sparkline({ values }: { readonly values: readonly number[] }) {
  const most = Math.max(1, ...values)
  const whole = values.length * (width + gap) - gap
  return (
    <svg
      className="sparkline"
      width={whole}
      height={height}
      viewBox={`0 0 ${whole} ${height}`}
      aria-hidden="true"
    >
      {values.map((value, index) => {
        const tall = value === 0 ? 1 : Math.max(2, Math.round((value / most) * height))
        return (
          <rect
            // biome-ignore lint/suspicious/noArrayIndexKey: days have no other name.
            key={index}
            className={value === 0 ? 'none' : undefined}
            x={index * (width + gap)}
            y={height - tall}
            width={width}
            height={tall}
          />
        )
      })}
    </svg>
  )
}
