import os from 'node:os'
import { type BenchOptions, readOptions, usage } from './options.ts'
import type { Prepared, Row } from './row.ts'
import { blobGetLarge, blobGetSmall } from './rows/blob-get.ts'
import { manifestGet } from './rows/manifest-get.ts'
import { manifestPut } from './rows/manifest-put.ts'
import { mount } from './rows/mount.ts'
import { pushAtOnce, pushLarge } from './rows/push-layers.ts'
import { smallImages } from './rows/small-images.ts'
import { openTargets, type Targets } from './servers.ts'
import { formatTable, medianOf, type Result } from './table.ts'

const rows: readonly Row[] = [
  manifestGet,
  blobGetLarge,
  blobGetSmall,
  pushLarge,
  pushAtOnce,
  smallImages,
  manifestPut,
  mount,
]

await main(readOptions(process.argv.slice(2)))

async function main(options: BenchOptions): Promise<void> {
  if (options.help) {
    const names = rows.map((row) => `  ${row.name.padEnd(14)}${row.title(options)}\n`)
    process.stdout.write(`${usage}\nRows:\n${names.join('')}`)
    return
  }
  const chosen = chooseRows(options.rows)
  await using targets = await openTargets(options)
  const results: Result[] = []
  for (const row of chosen) {
    process.stderr.write(`${row.name} `)
    results.push(await measureRow(row, targets, options))
    process.stderr.write('\n')
  }
  const cpu = os.cpus()[0]?.model ?? 'unknown'
  process.stdout.write(`${cpu} x ${os.cpus().length}, Node ${process.version}, `)
  process.stdout.write(`medians of ${options.rounds} rounds, scale ${options.scale}\n\n`)
  process.stdout.write(formatTable(results))
}

function chooseRows(names: readonly string[]): readonly Row[] {
  const unknown = names.filter((name) => !rows.some((row) => row.name === name))
  if (unknown.length > 0) {
    throw new Error(`no row ${unknown.join(', ')}; there are ${rows.map((r) => r.name).join(', ')}`)
  }
  return names.length === 0 ? rows : rows.filter((row) => names.includes(row.name))
}

/** In turns, and each round begins with the other: what disturbs the machine disturbs both. */
async function measureRow(row: Row, targets: Targets, options: BenchOptions): Promise<Result> {
  await using prepared = await row.prepare(targets, options)
  const rates = {
    entrepot: [] as number[],
    'docker-registry': [] as number[],
    bare: [] as number[],
  }
  for (let round = 0; round < options.rounds; round++) {
    const order = [targets.entrepot, targets.peer]
    for (const target of round % 2 === 0 ? order : order.reverse()) {
      rates[target.name].push(await prepared.measure(target))
      process.stderr.write('.')
    }
    rates.bare.push(...(await measureBare(prepared)))
  }
  return {
    title: row.title(options),
    unit: row.unit,
    entrepot: medianOf(rates.entrepot),
    peer: medianOf(rates['docker-registry']),
    bare: rates.bare.length === 0 ? undefined : medianOf(rates.bare),
    aim: row.aim,
  }
}

async function measureBare(prepared: Prepared): Promise<number[]> {
  return prepared.measureBare === undefined ? [] : [await prepared.measureBare()]
}
