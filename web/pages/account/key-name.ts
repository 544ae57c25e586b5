import type { ApiKeyInfo } from '../../../contract/api-keys.ts'

/** What people call it. */
export function nameOf({ id, displayName }: Pick<ApiKeyInfo, 'id' | 'displayName'>): string {
  return displayName === '' ? `Key ${id}` : displayName
}
