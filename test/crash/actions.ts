import { deleteOwnBlob, deleteOwnManifest, deleteOwnTag } from './deletions.ts'
import { count } from './ledger.ts'
import { type Life, ServerGone } from './life.ts'
import { moveOwnTag, pushDeletedAgain, pushImage, pushIndex } from './manifest-pushes.ts'
import { cancelPieces, continuePieces, startPieces } from './piecewise-uploads.ts'
import type { Pusher } from './pusher.ts'

type Action = (pusher: Pusher, life: Life) => Promise<void>

const actions: readonly (readonly [weight: number, name: string, action: Action])[] = [
  [10, 'image', pushImage],
  [2, 'index', pushIndex],
  [3, 'start upload', startPieces],
  [6, 'continue upload', continuePieces],
  [1, 'cancel upload', cancelPieces],
  [3, 'move tag', moveOwnTag],
  [2, 'delete tag', deleteOwnTag],
  [2, 'delete manifest', deleteOwnManifest],
  [1, 'delete blob', deleteOwnBlob],
  [1, 'push again', pushDeletedAgain],
]

/** Works until the server is gone. Any other surprise is a fault. */
export async function pushUntilKilled(pusher: Pusher, life: Life): Promise<void> {
  try {
    while (!life.killed && pusher.ledger.faults.length === 0) await doSomething(pusher, life)
  } catch (error) {
    if (error instanceof ServerGone) return
    pusher.ledger.faults.push(`client ${pusher.number}: ${String(error)}`)
  }
}

async function doSomething(pusher: Pusher, life: Life): Promise<void> {
  const total = actions.reduce((sum, [weight]) => sum + weight, 0)
  let ticket = pusher.random.between(1, total)
  for (const [weight, name, action] of actions) {
    ticket -= weight
    if (ticket > 0) continue
    await action(pusher, life)
    count(pusher.ledger, name)
    return
  }
}
