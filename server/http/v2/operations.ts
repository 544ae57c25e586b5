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
  run(deps: OperationDeps, exchange: Exchange, admission: Admission): Promise<void>
}

/** By method. */
export type Operations = Readonly<Record<string, Operation>>

/** Everything that can be done with an address inside a repository. */
export function operationsOf(route: RepositoryRoute): Operations {
  switch (route.kind) {
    case 'tags':
      return reads((deps, exchange, admission) => getTags(deps, exchange, admission))
    case 'referrers':
      return reads((deps, exchange, admission) =>
        getReferrers(deps, { exchange, admission }, route.digest),
      )
    case 'manifest':
      return manifestOperations(route.reference)
    case 'blob':
      return blobOperations(route.digest)
    case 'uploads':
      return {
        POST: {
          action: 'push',
          run: (deps, exchange, admission) =>
            receiving(deps, () => postUpload(deps, { exchange, admission })),
        },
      }
    case 'upload':
      return uploadOperations(route.id)
  }
}

function reads(run: Operation['run']): Operations {
  return { GET: { action: 'pull', run }, HEAD: { action: 'pull', run } }
}

function manifestOperations(reference: string): Operations {
  return {
    ...reads((deps, exchange, admission) =>
      serveManifest(deps, { exchange, admission, reference }),
    ),
    PUT: {
      action: 'push',
      run: (deps, exchange, admission) => putManifest(deps, { exchange, admission, reference }),
    },
    DELETE: {
      action: 'delete',
      run: (deps, exchange, admission) => deleteManifest(deps, { exchange, admission, reference }),
    },
  }
}

function blobOperations(digest: string): Operations {
  return {
    ...reads((deps, exchange, admission) => serveBlob(deps, { exchange, admission, digest })),
    DELETE: {
      action: 'delete',
      run: (deps, exchange, admission) => deleteBlob(deps, { exchange, admission, digest }),
    },
  }
}

function uploadOperations(id: string): Operations {
  const status: Operation = {
    action: 'push',
    run: (deps, exchange, admission) => getUpload(deps, { exchange, admission, id }),
  }
  return {
    GET: status,
    HEAD: status,
    PATCH: {
      action: 'push',
      run: (deps, exchange, admission) =>
        receiving(deps, () => patchUpload(deps, { exchange, admission, id })),
    },
    PUT: {
      action: 'push',
      run: (deps, exchange, admission) =>
        receiving(deps, () => putUpload(deps, { exchange, admission, id })),
    },
    DELETE: {
      action: 'push',
      run: (deps, exchange, admission) => deleteUpload(deps, { exchange, admission, id }),
    },
  }
}

async function receiving({ metrics }: OperationDeps, work: () => Promise<void>) {
  using _ = metrics.beginUpload()
  await work()
}
