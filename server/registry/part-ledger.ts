import type { PartLedger, StagedState, Staging } from '../blobs/part-ledger.ts'
import type { Db } from '../db/database.ts'
import {
  claimStaging,
  deleteStaging,
  findStaging,
  insertStaging,
  listStaged,
  listStagings,
  recordStaging,
  reserveParts,
} from '../db/stagings.ts'
import { RegistryError } from '../domain/errors.ts'

/** What a store remembers of uploads, in the database: any process can go on with them. */
export function openPartLedger(db: Db, storeId: number): PartLedger {
  const rowOf = (location: string, state: StagedState) => ({
    ...{ storeId, location, sizeBytes: state.sizeBytes },
    state: JSON.stringify(state),
  })
  return {
    async start(location, state) {
      if (await db.write(insertStaging, rowOf(location, state))) return
      throw new RegistryError('INTERNAL', 'A blob location was about to be used twice.')
    },
    async find(location) {
      const row = await findStaging(db.read, { storeId, location })
      return row && { ...(JSON.parse(row.state) as StagedState), writer: row.writer }
    },
    async claim(location, { writer }: Staging, state) {
      const claimed = await db.write(claimStaging, { ...rowOf(location, stateOf(state)), writer })
      return claimed ? writer + 1 : undefined
    },
    async reserve(location, writer, count) {
      const first = await db.write(reserveParts, { storeId, location, writer, count })
      if (first === undefined) throw overtaken()
      return first
    },
    async record(location, writer, state) {
      const recorded = await db.write(recordStaging, {
        ...rowOf(location, stateOf(state)),
        writer,
      })
      if (!recorded) throw overtaken()
    },
    end: (location) => db.write(deleteStaging, { storeId, location }),
    staged: (locations) => listStaged(db.read, { storeId, locations }),
    list: (after, count) => listStagings(db.read, { storeId, after: after ?? '', limit: count }),
  }
}

/** Without what else the caller may hold. */
function stateOf(state: StagedState): StagedState {
  const { sizeBytes, multipartId, parts, sealedBytes, tails, litter, isSettled, isMessy } = state
  const { finishedAs } = state
  return {
    ...{ sizeBytes, multipartId, parts, sealedBytes, tails, litter, isSettled, isMessy },
    ...(finishedAs !== undefined && { finishedAs }),
  }
}

function overtaken(): RegistryError {
  return new RegistryError('UNAVAILABLE', 'The upload was stopped: another request took over.')
}
