import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { locationOf, sha256, withQuery } from '../support/registry-client.ts'
import { type Check, checkPromises } from './checks.ts'
import type { Cut } from './cuts.ts'
import { checkDisk } from './disk.ts'
import { type History, lifeOf, logIn, openHere } from './history.ts'
import { noteBlob, type OpenUpload, repositoryOf } from './ledger.ts'
import { demand, type Life } from './life.ts'
import { completeUpload, forgetUpload } from './piecewise-uploads.ts'

/**
 * Looks at what a cut left, first on the disk and then through the real server opened on it.
 * Returns what is wrong, in words.
 */
export async function checkCut(history: History, cut: Cut): Promise<string[]> {
  const { dataDir, ledger } = cut
  const scratch = path.join(history.folder, 'scratch')
  const hasDatabase = existsSync(path.join(dataDir, 'entrepot.db'))
  const faults = hasDatabase ? checkDisk({ dataDir, scratch, hashed: new Set(), whole: true }) : []
  try {
    await using app = await openHere(history, dataDir, (line) => faults.push(`logged: ${line}`))
    const life = lifeOf(app.url, cut.authorization || (await logIn(app.url)))
    const pushers = ledger === history.ledger ? history.pushers : []
    const check: Check = { ledger, pushers, whole: true, pickOld: () => [] }
    await checkPromises(check, life)
    for (const upload of [...ledger.uploads]) await goOn(history, check, { life, upload })
    await checkNewPush(check, life)
    life.agent.destroy()
    faults.push(...ledger.faults)
  } catch (error) {
    faults.push(
      error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : `${error}`,
    )
  }
  if (faults.length === 0 && dataDir !== history.dataDir) {
    rmSync(dataDir, { recursive: true, force: true })
  }
  return faults
}

/** What was acknowledged can be gone on with; an upload without a byte may have to begin again. */
async function goOn(
  history: History,
  check: Check,
  { life, upload }: { readonly life: Life; readonly upload: OpenUpload },
): Promise<void> {
  const pusher = check.pushers.find((other) => other.uploads.includes(upload))
  const uploader = { ledger: check.ledger, uploads: pusher?.uploads ?? [] }
  if (upload.acknowledgedBytes === 0) {
    const path = withQuery(upload.location, 'digest', upload.digest)
    const reply = await demand(life, { method: 'PUT', path, body: upload.content }, [201, 404])
    forgetUpload(uploader, upload)
    if (reply.status === 404) return
    noteBlob(repositoryOf(check.ledger, upload.repository), upload.digest, {
      state: 'acknowledged',
    })
  } else if (history.random.chance(0.5)) {
    await completeUpload(uploader, life, upload)
  } else {
    return
  }
  await expectBlob(life, upload)
}

/** A store that lost its newest folders has to make them again. */
async function checkNewPush({ ledger }: Check, life: Life): Promise<void> {
  const [repository] = ledger.repositories.keys()
  const content = Buffer.from(`pushed after a cut, ${ledger.tick()}`)
  const digest = sha256(content)
  const start = await demand(
    life,
    { method: 'POST', path: `/v2/${repository}/blobs/uploads/` },
    [202],
  )
  const path = withQuery(locationOf(start, 'POST'), 'digest', digest)
  await demand(life, { method: 'PUT', path, body: content }, [201])
  await expectBlob(life, { repository: repository ?? '', digest })
}

async function expectBlob(
  life: Life,
  { repository, digest }: Pick<OpenUpload, 'repository' | 'digest'>,
): Promise<void> {
  const path = `/v2/${repository}/blobs/${digest}`
  const reply = await demand(life, { method: 'GET', path }, [200])
  if (sha256(reply.body) !== digest) throw new Error(`GET ${path}: other bytes`)
}
