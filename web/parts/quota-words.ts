const units = [
  ...[['TB', 1e12] as const, ['TiB', 2 ** 40] as const, ['GB', 1e9] as const],
  ...[['GiB', 2 ** 30] as const, ['MB', 1e6] as const, ['MiB', 2 ** 20] as const],
  ...[['kB', 1e3] as const, ['KiB', 2 ** 10] as const, ['B', 1] as const],
]

/** "50 GB", "1.5 GiB": the shortest that says exactly so many bytes; '' for none. */
export function formatQuota(bytes: number | null): string {
  if (bytes === null) return ''
  if (bytes === 0) return '0'
  const exact = units
    .filter(([, size]) => bytes >= size && Number.isInteger((bytes / size) * 1000))
    .map(([unit, size]) => `${bytes / size} ${unit}`)
  return exact.reduce((best, text) => (text.length < best.length ? text : best))
}

/** Bytes; null for nothing, which is no quota. Undefined: that is no size. */
export function parseQuota(text: string): number | null | undefined {
  const typed = text.trim()
  if (typed === '' || /^none$/i.test(typed)) return null
  const [, digits, unit = 'B'] = /^(\d{1,15}(?:\.\d{1,3})?) ?([kmgt]?i?b)?$/i.exec(typed) ?? []
  const [, size] = units.find(([name]) => name.toLowerCase() === unit.toLowerCase()) ?? []
  const bytes = Math.round(Number(digits) * (size ?? Number.NaN))
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** What is wrong with what was typed; null: nothing. */
export function problemOfQuota(text: string): string | null {
  return parseQuota(text) === undefined ? `"${text}" is no size: write 50 GB or 500 MiB.` : null
}

/** "96 %"; rounded down, so that 100 says that it is full. */
export function shareOf({ bytes, usedBytes }: { bytes: number; usedBytes: number }): number {
  return bytes === 0 ? 100 : Math.floor((100 * usedBytes) / bytes)
}
