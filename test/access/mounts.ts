import { feeds, type Repository } from './world.ts'

/** A repository that is not there yet, of one principal's one way: by its number. */
type Target = (number: number) => Repository

/** Where blobs are mounted from a repository that the request names. */
export const mountTargets: readonly Target[] = targetsNamed('team/mounted')
/** Where they are mounted from wherever they are. */
export const autoTargets: readonly Target[] = targetsNamed('team/found')

function targetsNamed(name: string): readonly Target[] {
  return feeds.map((feed) => (number) => ({
    ...{ kind: 'missing', feed },
    repository: `${name}-${number}`,
  }))
}
