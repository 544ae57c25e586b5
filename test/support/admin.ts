import { runEntrepot } from './process.ts'

export type KeyPermission = 'view' | 'add' | 'promote' | 'delete'

export interface FeedKey {
  readonly feed: string
  readonly permissions: readonly KeyPermission[]
}

/** Makes an API key with the command line, beside a server that may be running. Returns it. */
export async function createFeedKey(dataDir: string, key: FeedKey): Promise<string> {
  const permissions = key.permissions.flatMap((permission) => ['--permission', permission])
  const output = await runDone(dataDir, ['key', 'create', '--feed', key.feed, ...permissions])
  return output.trim()
}

export async function createFeed(dataDir: string, name: string): Promise<void> {
  await runDone(dataDir, ['feed', 'create', name])
}

/** `options` are those of `entrepot feed set`. A running server follows within a second. */
export async function setFeed(
  dataDir: string,
  feed: string,
  options: readonly string[],
): Promise<void> {
  await runDone(dataDir, ['feed', 'set', feed, ...options])
}

async function runDone(dataDir: string, args: readonly string[]): Promise<string> {
  const result = await runEntrepot(dataDir, args)
  if (result.code === 0) return result.stdout
  throw new Error(`entrepot ${args.join(' ')} ended with ${result.code}:\n${result.output}`)
}
