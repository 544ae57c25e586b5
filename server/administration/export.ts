import type { CleanupReport } from '../registry/cleanup-report.ts'
import { type ExportOrder, type ExportResult, exportRepository } from '../registry/export/export.ts'
import { openForReading, openPlace, type Place } from './place.ts'

/** Exports beside a running server, or without one. */
export async function exportNow(
  config: Place,
  order: ExportOrder & { readonly report: CleanupReport },
): Promise<ExportResult> {
  await using db = await openPlace(config)
  await using stores = await openForReading(config, db)
  return await exportRepository({ db, stores, report: order.report }, order)
}
