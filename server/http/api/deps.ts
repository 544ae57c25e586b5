import type { Directories } from '../../auth/directories/open-directories.ts'
import type { Passwords } from '../../auth/password.ts'
import type { Principals } from '../../auth/principals.ts'
import type { Sessions } from '../../auth/session.ts'
import type { Db } from '../../db/database.ts'
import type { Patient } from '../../doctor/patient.ts'
import type { SelfTestDeps } from '../../doctor/self-test.ts'
import type { Through } from '../../registry/connectors/through.ts'
import type { FileContents } from '../../registry/files/file-contents.ts'
import type { ImageFiles } from '../../registry/files/image-files.ts'
import type { RegistryCounting } from '../../registry/registry-counts.ts'
import type { SizeFolding } from '../../registry/sizes.ts'
import type { StoreTrialDeps } from '../../registry/store-trial.ts'
import type { Secrets, Stores } from '../../registry/stores.ts'
import type { MountDeps } from './mount.ts'

/** What the handlers of the management API work with. */
export interface ApiDeps extends MountDeps {
  readonly db: Db
  readonly dataDir: string
  readonly stores: Stores
  /** Encrypts the credentials of stores and connectors. */
  readonly secrets: Secrets
  /** Folders below which stores may lie, besides the data folder. */
  readonly storageRoots: readonly string[]
  readonly createCloud: StoreTrialDeps['createCloud']
  readonly openTrial: StoreTrialDeps['openTrial']
  readonly registryCounting: RegistryCounting
  readonly sizeFolding: SizeFolding
  readonly selfTest: SelfTestDeps
  /** This server, as the checks look at it. */
  readonly patient: () => Patient
  readonly passwords: Passwords
  readonly principals: Principals
  readonly sessions: Sessions
  readonly directories: Directories
  /** Where new feeds keep their bytes. */
  readonly defaultStoreId: number
  /** The public address of the configuration, which overrides the setting; null: none. */
  readonly configuredBaseUrl: string | null
  readonly now: () => number
  readonly imageFiles: ImageFiles
  readonly fileContents: FileContents
  /** Jobs that were asked for begin at once, not only when they are looked for. */
  readonly wakeJobs: () => void
  readonly through: Through
}
