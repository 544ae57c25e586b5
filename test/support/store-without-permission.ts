// Run as somebody whom permissions stop: prints the codes of the refusals.
// Usage: store-without-permission.ts FOLDER
import { randomUUID } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import path from 'node:path'
import { openFileStore } from '../../server/blobs/file-store.ts'
import { RegistryError } from '../../server/domain/errors.ts'

const root = path.join(process.argv[2] ?? '', 'store')
const codes: string[] = []

async function refusalOf(work: () => Promise<unknown>) {
  try {
    await work()
    codes.push('none')
  } catch (error) {
    codes.push(error instanceof RegistryError ? error.code : String(error))
  }
}

await using store = await openFileStore({ root, reserveBytes: 0 })
const location = randomUUID()
await store.startUpload(location)
await store.finish(location)
await chmod(path.join(root, 'uploads'), 0o500)
await refusalOf(() => store.startUpload(randomUUID()))
await refusalOf(() => store.check())
await chmod(path.join(root, 'uploads'), 0o700)
await chmod(path.join(root, 'blobs'), 0o000)
await refusalOf(() => store.open(location))
await chmod(path.join(root, 'blobs'), 0o700)
await refusalOf(async () => (await store.open(location))?.[Symbol.asyncDispose]())
process.stdout.write(JSON.stringify(codes))
