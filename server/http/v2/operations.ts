import type { Action } from '../../domain/scope.ts'
import type { Metrics } from '../../metrics.ts'
import type { Admission } from './authorize.ts'
import { type BlobDeps, deleteBlob, serveBlob } from './blobs.ts'
import type { Exchange } from './exchange.ts'
import { getReferrers, getTags } from './lists.ts'
import { deleteManifest, type ManifestDeps, putManifest, serveManifest } from './manifests.ts'
import type { RepositoryRoute } from './route.ts'
import {
  deleteUpload,
  getUpload,
  patchUpload,
  postUpload,
  putUpload,
  type UploadDeps,
} from './uploads.ts'

export interface OperationDeps extends BlobDeps, ManifestDeps, UploadDeps {
  readonly metrics: Metrics
}

/** What a method on an address does, and what the caller must be allowed for it. */
export interface Operation {
  readonly action: Action
  run(deps: OperationDeps, request: OperationRequest): Promise<void>
}

export interface OperationRequest {
  readonly exchange: Exchange
  readonly admission: Admission
  /** The admission as it would be now, after a body that took its time; throws as the first. */
  readonly admitAgain: () => Promise<Admission>
  /** The end of the address (`RepositoryRoute.item`). */
  readonly item: string
}

/** By method. */
export type Operations = Readonly<Record<string, Operation>>

const operations: Readonly<Record<RepositoryRoute['kind'], Operations>> = {
  tags: reads((deps, { exchange, admission }) => getTags(deps, exchange, admission)),
  referrers: reads((deps, { exchange, admission, item }) =>
    getReferrers(deps, { exchange, admission }, item),
  ),
  manifest: {
    ...reads((deps, { exchange, admission, item: reference }) =>
      serveManifest(deps, { exchange, admission, reference }),
    ),
    PUT: pushes((deps, { exchange, admission, admitAgain, item: reference }) =>
      putManifest(deps, { exchange, admission, admitAgain, reference }),
    ),
    DELETE: deletes((deps, { exchange, admission, item: reference }) =>
      deleteManifest(deps, { exchange, admission, reference }),
    ),
  },
  blob: {
    ...reads((deps, { exchange, admission, item: digest }) =>
      serveBlob(deps, { exchange, admission, digest }),
    ),
    DELETE: deletes((deps, { exchange, admission, item: digest }) =>
      deleteBlob(deps, { exchange, admission, digest }),
    ),
  },
  uploads: {
    POST: pushes((deps, { exchange, admission, admitAgain }) =>
      receiving(deps, () => postUpload(deps, { exchange, admission, admitAgain })),
    ),
  },
  upload: {
    GET: pushes((deps, { exchange, admission, item: id }) =>
      getUpload(deps, { exchange, admission, id }),
    ),
    HEAD: pushes((deps, { exchange, admission, item: id }) =>
      getUpload(deps, { exchange, admission, id }),
    ),
    PATCH: pushes((deps, { exchange, admission, admitAgain, item: id }) =>
      receiving(deps, () => patchUpload(deps, { exchange, admission, admitAgain, id })),
    ),
    PUT: pushes((deps, { exchange, admission, admitAgain, item: id }) =>
      receiving(deps, () => putUpload(deps, { exchange, admission, admitAgain, id })),
    ),
    DELETE: pushes((deps, { exchange, admission, item: id }) =>
      deleteUpload(deps, { exchange, admission, id }),
    ),
  },
}

/** Everything that can be done with an address inside a repository. */
export function operationsOf({ kind }: RepositoryRoute): Operations {
  return operations[kind]
}

function reads(run: Operation['run']): Operations {
  return { GET: { action: 'pull', run }, HEAD: { action: 'pull', run } }
}

function pushes(run: Operation['run']): Operation {
  return { action: 'push', run }
}

function deletes(run: Operation['run']): Operation {
  return { action: 'delete', run }
}

async function receiving({ metrics }: OperationDeps, work: () => Promise<void>) {
  using _ = metrics.beginUpload()
  await work()
}
