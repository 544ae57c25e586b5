import type { KyselyPlugin } from 'kysely'
import type { Db, Queries } from '../../server/db/database.ts'
import type { Write, WriteInput, WriteOutput, WriteTable } from '../../server/db/writes.ts'
import type { Gate } from './gate.ts'

/** Where a caller can be stopped: between any two statements, or between transactions only. */
export type Grain = 'statement' | 'transaction'

/** A database as the core uses it, with a gate before every step. */
export interface Caller {
  read<T>(ask: (db: Queries) => Promise<T>): Promise<T>
  write<W extends Write>(write: W, input: WriteInput<W>): Promise<WriteOutput<W>>
}

interface Gated {
  readonly write: Write
  readonly input: unknown
  readonly gate: Gate
  readonly grain: Grain
  readonly begun: { times: number }
}

/** The write that it is given, as it ships, pausing after each statement and so before the commit. */
async function throughGate(trx: Queries, gated: Gated): Promise<unknown> {
  const { write, input, gate, grain, begun } = gated
  begun.times += 1
  if (begun.times > 1) {
    gate.retries += 1
    gate.ends += 1
    await gate.pause()
  }
  if (grain === 'transaction') return write(trx, input as never)
  return write(trx.withPlugin(pauseAfterStatements(gate)), input as never)
}

function pauseAfterStatements(gate: Gate): KyselyPlugin {
  return {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      await gate.pause()
      return result
    },
  }
}

/** For databases whose writes run in this thread: PostgreSQL's. */
export const gatedWrites: WriteTable = { module: import.meta.url, writes: { throughGate } }

/** `statement` needs a PostgreSQL database opened with `gatedWrites`. */
export function gatedCaller(db: Db, gate: Gate, grain: Grain): Caller {
  const write = async <W extends Write>(each: W, input: WriteInput<W>): Promise<WriteOutput<W>> => {
    if (db.dialect === 'sqlite') return db.write(each, input)
    const begun = { times: 0 }
    const output = await db.write(throughGate, { write: each, input, gate, grain, begun })
    return output as WriteOutput<W>
  }
  return {
    read: async (ask) => {
      await gate.pause()
      return ask(db.read)
    },
    write: async <W extends Write>(each: W, input: WriteInput<W>): Promise<WriteOutput<W>> => {
      await gate.pause()
      try {
        return await write(each, input)
      } finally {
        gate.ends += 1
      }
    },
  }
}
