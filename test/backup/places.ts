import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import type { Bucket } from '../../server/blobs/bucket.ts'
import { readRange } from '../../server/blobs/cloud-range.ts'
import type { Config } from '../../server/config.ts'
import { openBackupTarget } from '../../server/registry/backup/open-target.ts'
import type { CloudKind } from '../support/cloud-stores.ts'
import { noBucket } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

/** Where backups can be put, and looked into from outside. */
export interface BackupPlaces extends AsyncDisposable {
  readonly s3: Config['backup']['s3']
  /** What `--to` is given for the place of this name. */
  target(name: string): string
  /** The files or objects that it has, sorted. */
  list(name: string): Promise<string[]>
  read(name: string, file: string): Promise<Buffer>
  write(name: string, file: string, bytes: Uint8Array | string): Promise<void>
  remove(name: string, files: readonly string[]): Promise<void>
  copy(from: string, to: string): Promise<void>
  /** The file of a blob. */
  blobFile(digest: string): string
}

export function folderPlaces(): BackupPlaces {
  const folder = makeTemporaryFolder('backup-places')
  const at = (name: string, file = '') => path.join(folder.path, name, file)
  return {
    s3: noBucket,
    target: (name) => at(name),
    async list(name) {
      if (!existsSync(at(name))) return []
      const entries = readdirSync(at(name), { recursive: true, withFileTypes: true })
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(at(name), path.join(entry.parentPath, entry.name)))
        .sort()
    },
    read: async (name, file) => readFileSync(at(name, file)),
    async write(name, file, bytes) {
      mkdirSync(path.dirname(at(name, file)), { recursive: true })
      writeFileSync(at(name, file), bytes)
    },
    async remove(name, files) {
      for (const file of files) rmSync(at(name, file))
    },
    copy: async (from, to) => cpSync(at(from), at(to), { recursive: true }),
    blobFile: (digest) => `blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

export interface BucketPlaces extends BackupPlaces {
  readonly bucket: Bucket
}

/** Prefixes of one bucket of a service that is started for it. */
export async function bucketPlaces(kind: CloudKind): Promise<BucketPlaces> {
  const cloud = await kind.start()
  const { openBucket, properties } = await cloud.newPlace()
  const bucket = openBucket()
  const prefixOf = (name: string) => `of servers/${name}/`
  const { BucketName, CustomServiceUrl = '', AccessKey = '', SecretAccessKey = '' } = properties
  const list = async (name: string) => {
    const found = await bucket.list({ prefix: prefixOf(name), after: null, count: 100_000 })
    return found.map(({ key }) => key.slice(prefixOf(name).length))
  }
  const read = async (name: string, file: string) => {
    const key = `${prefixOf(name)}${file}`
    const end = ((await bucket.findSize(key)) ?? 0) - 1
    const pieces: Uint8Array[] = []
    for await (const piece of readRange(bucket, key, { start: 0, end })) {
      pieces.push(Buffer.from(piece))
    }
    return Buffer.concat(pieces)
  }
  return {
    bucket,
    s3: {
      ...{ region: null, endpoint: CustomServiceUrl, pathStyle: true },
      credentials: { accessKeyId: AccessKey, secretAccessKey: SecretAccessKey },
    },
    target: (name) => `s3://${BucketName}/${prefixOf(name).slice(0, -1)}`,
    list,
    read,
    write: (name, file, bytes) => bucket.put(`${prefixOf(name)}${file}`, Buffer.from(bytes)),
    remove: (name, files) => bucket.delete(files.map((file) => `${prefixOf(name)}${file}`)),
    async copy(from, to) {
      for (const file of await list(from)) {
        await bucket.put(`${prefixOf(to)}${file}`, await read(from, file))
      }
    },
    blobFile: (digest) => `blobs/${digest.replace(':', '/')}`,
    async [Symbol.asyncDispose]() {
      await bucket[Symbol.asyncDispose]()
      await cloud[Symbol.asyncDispose]()
    },
  }
}

/** The names of snapshots that were finished, the oldest first. */
export async function snapshotsIn(places: BackupPlaces, name: string): Promise<string[]> {
  return (await places.list(name)).flatMap((file) => {
    const [, snapshot] = /^snapshots\/([^/]+)\/backup\.json$/.exec(file) ?? []
    return snapshot === undefined || snapshot.endsWith('.partial') ? [] : [snapshot]
  })
}

export async function flipByteIn(places: BackupPlaces, name: string, file: string): Promise<void> {
  const bytes = await places.read(name, file)
  bytes[7] = (bytes[7] ?? 0) ^ 1
  await places.write(name, file, bytes)
}

/** Holds it as another machine's backup does. */
export async function holdElsewhere(places: BackupPlaces, name: string): Promise<AsyncDisposable> {
  const folder = makeTemporaryFolder('backup-elsewhere')
  const lockTimes = { leaseMs: 60_000, beatMs: 300, lookMs: 300 }
  const at = { s3: places.s3, dataDir: folder.path, lockTimes }
  const target = await openBackupTarget(places.target(name), at)
  const hold = await target.hold({ isReader: false, tell: () => {} })
  if (hold === undefined) throw new Error(`somebody holds ${name}`)
  return {
    async [Symbol.asyncDispose]() {
      await hold[Symbol.asyncDispose]()
      await target[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}
