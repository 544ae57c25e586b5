import { judge, timesPeer, type Verdict } from './aims.ts'
import { type Figures, type Result, summarize } from './result.ts'

const head = [
  'row',
  'work',
  'unit',
  'Entrepot',
  'p99 ms',
  'loop p99 ms',
  'docker-registry',
  'its p99 ms',
  'times',
  'beside it',
  'aim',
]

/** A Markdown table, or the same with columns of one width for a terminal. */
export function formatTable(results: readonly Result[], form: 'markdown' | 'text'): string {
  const lines = [head, ...results.map(formatResult)]
  if (form === 'markdown') {
    return [head, head.map(() => '---'), ...lines.slice(1)]
      .map((cells) => `| ${cells.join(' | ')} |\n`)
      .join('')
  }
  const widths = head.map((_, column) => Math.max(...lines.map((l) => l[column]?.length ?? 0)))
  const pad = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return lines.map((cells) => `${pad(cells)}\n`).join('')
}

function formatResult(result: Result): string[] {
  const own = summarize(result.samples.entrepot)
  const peer = summarize(result.samples['docker-registry'])
  return [
    result.name,
    result.title,
    result.unit,
    formatFigures(own?.value),
    formatFigures(own?.p99Ms),
    own?.loopDelayP99Ms === undefined ? '-' : formatNumber(own.loopDelayP99Ms.median),
    formatFigures(peer?.value),
    formatFigures(peer?.p99Ms),
    formatNumber(timesPeer(result)),
    formatBeside(result),
    judge(result).map(formatVerdict).join('; '),
  ]
}

/** The median, and from the least to the most of all rounds. */
function formatFigures(figures: Figures | undefined): string {
  if (figures === undefined) return '-'
  const { median, least, most } = figures
  return `${formatNumber(median)} (${formatNumber(least)}–${formatNumber(most)})`
}

function formatBeside({ samples, baseline }: Result): string {
  const names = { baseline: baseline ?? 'baseline', bare: 'bare node:http' }
  return (['baseline', 'bare'] as const)
    .flatMap((subject) => {
      const summary = summarize(samples[subject])
      if (summary === undefined) return []
      const { value, p99Ms } = summary
      const p99 = p99Ms === undefined ? '' : `, p99 ${formatNumber(p99Ms.median)} ms`
      return [`${names[subject]}: ${formatNumber(value.median)}${p99}`]
    })
    .join('; ')
}

/** Not met is said in capitals: a row that falls short shall be seen. */
function formatVerdict(verdict: Verdict): string {
  const { figure, relation, bound, reached, met } = verdict
  const what = figure === 'value' ? '' : ` ${figure}`
  const state = reached === undefined ? 'not measured' : met ? 'met' : 'SHORT'
  return `${relation} ${bound}${what}: ${formatNumber(reached)} ${state}`
}

function formatNumber(number: number | undefined): string {
  if (number === undefined) return '-'
  if (number >= 100) return `${Math.round(number)}`
  return number.toFixed(number >= 10 ? 1 : 2)
}
