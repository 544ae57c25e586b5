import { Tooltip } from '@mantine/core'

const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

/** "1,310", and beyond that "230K" with the whole number on hover. */
export function Count({ value }: { readonly value: number }) {
  const whole = value.toLocaleString('en')
  if (value < 100_000) return <span>{whole}</span>
  return (
    <Tooltip label={whole} events={{ hover: true, focus: true, touch: true }}>
      <span>{short.format(value)}</span>
    </Tooltip>
  )
}

/** "1 tag", "310 tags". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
