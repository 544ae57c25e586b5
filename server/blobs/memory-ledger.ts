import { RegistryError } from '../domain/errors.ts'
import type { PartLedger, Staging } from './part-ledger.ts'

/** A ledger for a store that is tried out: it ends with the process, and so does the trial. */
export function openMemoryLedger(): PartLedger {
  const entries = new Map<string, Staging>()
  let next = 1
  const held = (location: string, writer: number) => {
    const entry = entries.get(location)
    if (entry?.writer === writer) return entry
    throw new RegistryError('UNAVAILABLE', 'The upload was stopped: another request took over.')
  }
  return {
    async start(location, state) {
      if (entries.has(location)) {
        throw new RegistryError('INTERNAL', 'A blob location was about to be used twice.')
      }
      entries.set(location, { ...state, writer: 0 })
    },
    find: async (location) => entries.get(location),
    async claim(location, before, state) {
      if (entries.get(location)?.writer !== before.writer) return undefined
      entries.set(location, { ...state, writer: before.writer + 1 })
      return before.writer + 1
    },
    async reserve(location, writer, count) {
      held(location, writer)
      next += count
      return next - count
    },
    async record(location, writer, state) {
      held(location, writer)
      entries.set(location, { ...state, writer })
    },
    async end(location) {
      entries.delete(location)
    },
    staged: async (locations) => locations.filter((location) => entries.has(location)),
    list: async (after, count) =>
      [...entries]
        .filter(([location]) => after === null || location > after)
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .slice(0, count)
        .map(([location, { sizeBytes }]) => ({ location, sizeBytes })),
  }
}
