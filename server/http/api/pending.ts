import { api } from '../../../contract/api.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { ApiHandlers } from './call.ts'

type Resource =
  | 'deletions'
  | 'health'
  | 'images'
  | 'registries'
  | 'repositories'
  | 'search'
  | 'tags'

/** Refuses what is not written yet. */
export function pendingHandlers(): Pick<ApiHandlers, Resource> {
  const refuse = () => Promise.reject(new RegistryError('UNAVAILABLE', 'This is not built yet.'))
  const of = (resource: Resource) =>
    Object.fromEntries(Object.keys(api[resource]).map((name) => [name, refuse]))
  return {
    deletions: of('deletions'),
    health: of('health'),
    images: of('images'),
    registries: of('registries'),
    repositories: of('repositories'),
    search: of('search'),
    tags: of('tags'),
  } as unknown as Pick<ApiHandlers, Resource>
}
