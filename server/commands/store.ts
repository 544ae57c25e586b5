import type { StoreSummary } from '../administration/stores.ts'
import type { SettingName } from '../config/settings.ts'
import { formatColumns } from './columns.ts'
import { type Command, countOf, isOn, json, usageError } from './command.ts'

const settings: readonly SettingName[] = ['data-dir', 'database-url', 'secret-key']

const list: Command = {
  words: 'store list',
  operands: [],
  summary: 'List where images are kept.',
  options: { json },
  settings,
  read: (typed) => async (config, terminal) => {
    const { listStoresNow } = await import('../administration/stores.ts')
    const all = await listStoresNow(config)
    terminal.print(isOn(typed, 'json') ? JSON.stringify(all, null, 2) : formatStores(all))
  },
}

const place: Command = {
  words: 'store place',
  operands: ['ID'],
  summary: 'Say where a store is, whose bytes were copied there: before a restored server starts.',
  options: {},
  settings,
  read: (typed) => {
    const id = countOf('ID', typed.operands[0] ?? '')
    return async (config, terminal) => {
      const given = parseStore(await terminal.readInput())
      const { placeStoreNow } = await import('../administration/stores.ts')
      await placeStoreNow(config, id, given)
      terminal.print(`The store ${id} is there from now on.`)
    }
  },
}

/** What the API takes, too. */
function parseStore(text: string) {
  try {
    const { id, properties } = JSON.parse(text)
    if (typeof id === 'string' && typeof properties === 'object' && properties !== null) {
      return { id, properties }
    }
  } catch {
    // Said below.
  }
  throw usageError(
    'The standard input is not a store: {"id": "s3", "properties": {"BucketName": …}}, as docs/storage.md has it.',
  )
}

function formatStores(all: readonly StoreSummary[]): string {
  return formatColumns(
    ['ID', 'WHERE', 'REGISTRIES'],
    all.map(({ id, place, registries }) => [String(id), place, registries.join(', ')]),
  )
}

export const storeCommands: readonly Command[] = [list, place]
