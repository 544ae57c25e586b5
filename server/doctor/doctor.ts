import { checkAddress } from './address-check.ts'
import { checkBackups } from './backup-check.ts'
import { checkBlobs } from './blob-check.ts'
import { checkClocks } from './clock-check.ts'
import { checkDatabase } from './database-check.ts'
import { checkDisks } from './disk-check.ts'
import { type Finding, failure, reasonOf } from './finding.ts'
import { checkFolders } from './folder-check.ts'
import type { Patient } from './patient.ts'
import { checkPush } from './push-check.ts'
import { lookAtQuotas } from './quotas.ts'
import { checkSettings } from './settings-check.ts'
import { checkStores } from './store-check.ts'

export interface Check {
  readonly name: string
  /** What it looks at, in a few words. */
  readonly looksAt: string
  run(patient: Patient): Promise<Finding[]>
}

/** Everything that is looked at: by `entrepot doctor`, the health page and the API alike. */
export const checks = [
  {
    name: 'settings',
    looksAt: 'settings that contradict each other, certificate and key, secrets',
    run: checkSettings,
  },
  {
    name: 'folders',
    looksAt: 'owner and mode of the data folder, its files and the folders of stores',
    run: checkFolders,
  },
  {
    name: 'disk',
    looksAt: 'free bytes and files where the database, images and backups are kept',
    run: checkDisks,
  },
  {
    name: 'database',
    looksAt: 'whether it can be opened, its version, and damage',
    run: checkDatabase,
  },
  {
    name: 'stores',
    looksAt: 'whether each can be reached, and writing, reading, listing and deleting in it',
    run: checkStores,
  },
  {
    name: 'blobs',
    looksAt: 'layers that are marked damaged, and whether a sample has its bytes',
    run: checkBlobs,
  },
  { name: 'quotas', looksAt: 'how much registries have used of theirs', run: lookAtQuotas },
  { name: 'backups', looksAt: 'how the last backups and jobs went', run: checkBackups },
  {
    name: 'clock',
    looksAt: 'this clock beside those of the database, the stores and the public address',
    run: checkClocks,
  },
  {
    name: 'address',
    looksAt: 'own port, base URL, name server, certificate, challenge and realm',
    run: checkAddress,
  },
  {
    name: 'push',
    looksAt: 'a small image pushed and pulled through the public address, and straight',
    run: checkPush,
  },
] as const satisfies readonly Check[]

export type CheckName = (typeof checks)[number]['name']

export const checkNames: readonly CheckName[] = checks.map(({ name }) => name)

/** Never throws: a check that fails by a mistake of ours is a finding, too. */
export async function runCheck(name: CheckName, patient: Patient): Promise<Finding[]> {
  const check = checks.find((each) => each.name === name)
  if (check === undefined) throw new Error(`there is no check ${name}`)
  try {
    return await check.run(patient)
  } catch (error) {
    return [
      failure(
        name,
        `The check itself failed: ${reasonOf(error)}`,
        'Report this, with a support bundle (entrepot doctor --bundle FILE).',
      ),
    ]
  }
}
