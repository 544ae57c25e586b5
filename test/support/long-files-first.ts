import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take longest, in seconds of a quiet machine. Whoever begins with them does not wait for
 * one of them alone in the end.
 */
const seconds: Readonly<Record<string, number>> = {
  'test/stores/cloud-stores.test.ts': 185,
  'test/backup/backup-s3.test.ts': 90,
  'test/backup/backup-kills-s3.test.ts': 70,
  'test/backup/backup-kills.test.ts': 50,
  'test/hostile/hostile.test.ts': 135,
  'test/cleanup/cleanup.test.ts': 130,
  'test/stores/cloud-server.test.ts': 115,
  'test/crash/kills.test.ts': 105,
  'test/stores/faulty-stores.test.ts': 70,
  'test/installing/image.test.ts': 75,
  'test/installing/compose.test.ts': 65,
  'test/interleavings/interleavings.test.ts': 50,
  'test/web/administration.test.ts': 45,
  'test/crash/clean-up-kills.test.ts': 45,
  'test/stores/moving.test.ts': 45,
  'test/web/feed-storage.test.ts': 40,
  'test/access/matrix.test.ts': 40,
  'test/clients/docker.transfers.test.ts': 35,
  'test/crash/kills-on-clouds.test.ts': 30,
  'test/v2/upload-restart.test.ts': 30,
  'test/attempts/waiting.test.ts': 30,
}

export class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files)
    return others.sort((a, b) => secondsOf(b) - secondsOf(a))
  }
}

function secondsOf({ moduleId }: TestSpecification): number {
  return Object.entries(seconds).find(([name]) => moduleId.endsWith(name))?.[1] ?? 0
}
