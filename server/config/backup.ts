import type { SettingName, SettingValue } from './settings.ts'
import type { Report, Variables } from './sources.ts'

/** What the job Backup does, and how the bucket of any backup is spoken to. */
export interface BackupConfig {
  /** An absolute path, or `s3://bucket/prefix`; null: it is not scheduled. */
  readonly to: string | null
  readonly keep: number
  /** 0: as fast as it can. */
  readonly bytesPerSecond: number
  readonly s3: BackupS3
}

/** How the bucket of backups is spoken to. */
export interface BackupS3 {
  /** Null: nobody says. */
  readonly region: string | null
  /** Null: Amazon's own. */
  readonly endpoint: string | null
  readonly pathStyle: boolean
  /** Null: what the environment offers (AWS_…, profile, role). */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null
}

export function readBackup(
  read: <N extends SettingName>(name: N) => SettingValue<N> | undefined,
  { env, report }: { readonly env: Variables; readonly report: Report },
): BackupConfig {
  const backup = {
    to: read('backup-to') ?? null,
    keep: read('backup-keep') ?? 0,
    bytesPerSecond: read('backup-rate') ?? 0,
    s3: {
      region: read('backup-s3-region') ?? awsRegionOf(env),
      endpoint: read('backup-s3-endpoint') ?? null,
      pathStyle: read('backup-s3-path-style') ?? false,
      credentials: readCredentials(
        read('backup-s3-access-key'),
        read('backup-s3-secret-access-key'),
        report,
      ),
    },
  }
  reportUnknownRegion(backup, report)
  return backup
}

/** Said at the start, not by the first backup at night. */
function reportUnknownRegion({ to, s3 }: BackupConfig, report: Report): void {
  if (!to?.startsWith('s3:') || s3.region !== null || s3.endpoint !== null) return
  report('backup-s3-region: is not set, nor is AWS_REGION; the bucket of backup-to needs it')
}

/** As Amazon's own programs have it. */
function awsRegionOf({ AWS_REGION, AWS_DEFAULT_REGION }: Variables): string | null {
  return AWS_REGION || AWS_DEFAULT_REGION || null
}

function readCredentials(
  accessKeyId: string | undefined,
  secretAccessKey: string | undefined,
  report: Report,
): BackupS3['credentials'] {
  const [key, secret] = ['backup-s3-access-key', 'backup-s3-secret-access-key']
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { accessKeyId, secretAccessKey }
  }
  if (accessKeyId !== undefined) report(`${key}: is set without ${secret}; it needs both`)
  if (secretAccessKey !== undefined) report(`${secret}: is set without ${key}; it needs both`)
  return null
}
