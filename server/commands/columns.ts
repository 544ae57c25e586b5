/** Rows as aligned columns under their headings; what a terminal would obey is taken out. */
export function formatColumns(
  headings: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): string {
  const table = [headings, ...rows.map((row) => row.map((cell) => plain(String(cell ?? ''))))]
  const widths = headings.map((_, column) =>
    Math.max(...table.map((row) => [...(row[column] ?? '')].length)),
  )
  return table
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - [...text].length))
}

function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?')
}
