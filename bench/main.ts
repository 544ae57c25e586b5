import { writeFileSync } from 'node:fs'
import { type BenchOptions, readOptions, usage } from './options.ts'
import { describeMachine, formatJson, formatMachine } from './report.ts'
import { measureRow, type Result } from './result.ts'
import type { Row } from './row.ts'
import { blobGetLarge, blobGetSmall } from './rows/blob-get.ts'
import { browsePages } from './rows/browse.ts'
import { cleanUp, cleanUpIdle, pullsWhileCleaning } from './rows/clean-up.ts'
import { manifestDelete } from './rows/manifest-delete.ts'
import { manifestGet, manifestHead } from './rows/manifest-get.ts'
import { manifestPut } from './rows/manifest-put.ts'
import { memoryIdle, memoryPush } from './rows/memory.ts'
import { mount } from './rows/mount.ts'
import { catalogPage, tagsPage } from './rows/pages.ts'
import { pullsWhilePushing } from './rows/pulls-while-pushing.ts'
import { pushAtOnce, pushLarge } from './rows/push-layers.ts'
import { smallImages } from './rows/small-images.ts'
import { start } from './rows/start.ts'
import { openTargets } from './servers.ts'
import { formatTable } from './table.ts'

const rows: readonly Row[] = [
  manifestGet,
  manifestHead,
  blobGetLarge,
  blobGetSmall,
  pushLarge,
  pushAtOnce,
  smallImages,
  manifestPut,
  mount,
  pullsWhilePushing,
  tagsPage,
  catalogPage,
  browsePages,
  manifestDelete,
  cleanUp,
  pullsWhileCleaning,
  cleanUpIdle,
  memoryIdle,
  memoryPush,
  start,
]

// Each server and each folder has one for its end.
process.setMaxListeners(100)
// Ending by exit() ends the servers and removes their data.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
await main(readOptions(process.argv.slice(2)))

async function main(options: BenchOptions): Promise<void> {
  if (options.help) {
    const names = rows.map((row) => `  ${row.name.padEnd(21)}${row.title(options)}\n`)
    process.stdout.write(`${usage}\nRows:\n${names.join('')}`)
    return
  }
  const chosen = chooseRows(options.rows)
  const machine = await describeMachine()
  const { results, failures } = await measureRows(chosen, options)
  const json = formatJson(results, { machine, options, failures })
  if (options.json === '-') process.stdout.write(json)
  else {
    process.stdout.write(`${formatMachine(machine, options)}\n`)
    process.stdout.write(formatTable(results, options.markdown ? 'markdown' : 'text'))
    if (options.json !== undefined) writeFileSync(options.json, json)
  }
  if (failures.length > 0) process.exitCode = 1
}

function chooseRows(names: readonly string[]): readonly Row[] {
  const unknown = names.filter((name) => !rows.some((row) => row.name === name))
  if (unknown.length > 0) {
    throw new Error(`no row ${unknown.join(', ')}; there are ${rows.map((r) => r.name).join(', ')}`)
  }
  return names.length === 0 ? rows : rows.filter((row) => names.includes(row.name))
}

/** A row that fails costs no other: a run takes long. */
async function measureRows(chosen: readonly Row[], options: BenchOptions) {
  await using targets = await openTargets(options)
  const results: Result[] = []
  const failures: string[] = []
  for (const row of chosen) {
    process.stderr.write(`${row.name} `)
    const startedAt = performance.now()
    try {
      results.push(await measureRow(row, targets, options))
    } catch (error) {
      failures.push(`${row.name}: ${error}`)
      process.stderr.write(error instanceof Error ? `${error.stack}` : String(error))
    }
    process.stderr.write(` ${Math.round((performance.now() - startedAt) / 1000)} s\n`)
  }
  return { results, failures }
}
