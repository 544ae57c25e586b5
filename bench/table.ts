/** The medians of a row, and what they should be. */
export interface Result {
  readonly title: string
  readonly unit: string
  readonly entrepot: number
  readonly peer: number
  readonly bare: number | undefined
  readonly aim: number
}

/** A Markdown table. */
export function formatTable(results: readonly Result[]): string {
  const lines = results.map((result) => {
    const ratio = result.entrepot / result.peer
    const bare = result.bare === undefined ? '' : `${formatRate(result.bare)} (${percent(result)})`
    const verdict = `>= ${result.aim} ${ratio >= result.aim ? 'met' : 'short'}`
    const rates = [result.entrepot, result.peer].map(formatRate)
    return [result.title, result.unit, ...rates, ratio.toFixed(2), verdict, bare]
  })
  const head = ['work', 'unit', 'Entrepot', 'docker-registry', 'times', 'aim', 'bare node:http']
  return [head, head.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('')
}

function percent(result: Result): string {
  return `${Math.round((result.entrepot / (result.bare ?? Number.NaN)) * 100)} %`
}

function formatRate(rate: number): string {
  return rate >= 100 ? `${Math.round(rate)}` : rate.toFixed(1)
}

export function medianOf(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const upper = sorted[sorted.length >> 1] ?? Number.NaN
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN
  return (lower + upper) / 2
}
