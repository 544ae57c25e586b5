import { blobStoreSuite } from './blob-store.suite.ts'
import { openMemoryStore } from './memory-store.ts'

blobStoreSuite('a memory store', async () => ({ store: await openMemoryStore() }))
