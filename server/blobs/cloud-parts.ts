import type { Bucket } from './bucket.ts'
import type { CloudKeys } from './cloud-keys.ts'
import type { PartBuffers } from './part-buffers.ts'
import type { PartLedger } from './part-ledger.ts'
import type { PartMemory } from './part-memory.ts'
import type { PartSizes } from './part-sizes.ts'
import type { PassedBytes } from './passed-bytes.ts'

/** What all uploads to one store share. */
export interface CloudParts {
  readonly bucket: Bucket
  readonly keys: CloudKeys
  readonly ledger: PartLedger
  readonly partSizes: PartSizes
  readonly memory: PartMemory
  readonly buffers: PartBuffers
  readonly passed: PassedBytes
}
