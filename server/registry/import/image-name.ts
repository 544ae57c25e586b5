import { isTag } from '../../domain/reference.ts'

/** What an archive calls an image, as far as it counts in another registry. */
export interface ImageName {
  /** Without the host; not checked. */
  readonly repository: string
  /** Null: it says none. */
  readonly tag: string | null
}

/**
 * `registry.example.com:5000/team/app:1.0` is `team/app` and `1.0`. The first part is a host when it
 * has a dot or a port, or is `localhost`, as Docker reads it; Docker Hub's `library/` goes as well.
 */
export function parseImageName(text: string): ImageName {
  const at = text.indexOf('@')
  const name = at < 0 ? text : text.slice(0, at)
  const colon = name.lastIndexOf(':')
  const hasTag = colon > name.lastIndexOf('/')
  const repository = withoutHost(hasTag ? name.slice(0, colon) : name)
  return { repository, tag: hasTag ? name.slice(colon + 1) : null }
}

/** Whether an annotation is a whole name, and no tag alone. */
export function isWholeName(text: string): boolean {
  return !isTag(text) && /[/:]/.test(text)
}

function withoutHost(name: string): string {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  if (!/[.:]/.test(first) && first !== 'localhost') return name
  const rest = name.slice(slash + 1)
  const isDockerHub = first === 'docker.io' || first === 'index.docker.io'
  return isDockerHub && /^library\/[^/]+$/.test(rest) ? rest.slice('library/'.length) : rest
}
