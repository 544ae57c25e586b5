import { openDatabase } from '../../server/db/database.ts'

// A process of its own: opens the database of its first argument, asks it, and ends.
await using db = await openDatabase({ url: process.argv[2] ?? '' })
await db.check()
const settings = await db.read.selectFrom('settings').selectAll().execute()
process.stdout.write(`opened with ${settings.length} settings\n`)
