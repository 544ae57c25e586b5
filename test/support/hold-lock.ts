import { lockFolder } from '../../server/db/process-lock.ts'

// A process of its own: takes the lock of its arguments, says so, and lives until it is ended.
const [folder = '', name = ''] = process.argv.slice(2)
const lock = await lockFolder(folder, name)
process.stdout.write(lock === undefined ? 'refused\n' : 'held\n')
setInterval(() => lock?.file, 60_000)
