import { openDatabase } from '../../server/db/database.ts'
import { laterMigrations } from './upgrades.ts'

// A process of its own, of a later version: opens the database of its first argument, and is killed
// while it upgrades it, before the row of its second one.
const [url = '', killAt = ''] = process.argv.slice(2)
const migrations = laterMigrations({ killAt: Number(killAt) })
await using _ = await openDatabase({ url, migrations, version: '9.0.0' })
process.stdout.write('upgraded\n')
