import { Tooltip } from '@mantine/core'

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** "212 MB", with the bytes on hover. */
export function Size({ bytes }: { readonly bytes: number | null }) {
  if (bytes === null) return <span>–</span>
  return (
    <Tooltip label={`${bytes.toLocaleString('en')} bytes`}>
      <span>{formatSize(bytes)}</span>
    </Tooltip>
  )
}

/** Three digits that count, in steps of 1000. */
export function formatSize(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${units[unit]}`
}
