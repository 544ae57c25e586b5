import {
  blob,
  type Content,
  descriptor,
  type Image,
  image,
  index,
  type ManifestContent,
} from '../support/content.ts'
import { nameOf, type Repository, repositories } from './world.ts'

/** What one repository has, and no other. */
export interface Images {
  /** Under the tags `v1` and `kept-0`, `kept-1`, …, and in `all`. */
  readonly image: Image
  /** Under no tag. */
  readonly other: Image
  /** Under the tag `all`: so `image` and its blobs cannot be deleted. */
  readonly all: ManifestContent
}

/** Of one that is not there, what its neighbour has: that must be as good as nothing. */
export function imagesOf(repository: Repository): Images {
  const name = nameOf(neighbourOf(repository))
  const found = known.get(name) ?? makeImages(name)
  known.set(name, found)
  return found
}

const known = new Map<string, Images>()

function makeImages(name: string): Images {
  const one = image(`${name} one`, { layerCount: 1 })
  return {
    image: one,
    other: image(`${name} other`, { layerCount: 1 }),
    all: index([descriptor(one.manifest)], { annotations: { of: name } }),
  }
}

function neighbourOf(repository: Repository): Repository {
  const there = repositories.filter(({ kind }) => kind === 'there')
  const same = ({ feed, repository: name }: Repository) =>
    name.split('/')[0] === repository.repository.split('/')[0] &&
    (feed === repository.feed || repository.kind === 'nowhere')
  const found = there.find(same)
  if (found === undefined) throw new Error(`${nameOf(repository)} has no neighbour.`)
  return found
}

/** What some repository has that is another one. */
export function imagesOfAnother(repository: Repository): Images {
  const own = nameOf(neighbourOf(repository))
  const found = repositories.find((each) => each.kind === 'there' && nameOf(each) !== own)
  if (found === undefined) throw new Error('There is one repository only.')
  return imagesOf(found)
}

/** The only one. */
export function layerOf({ layers, config }: Image): Content {
  return layers[0] ?? config
}

/** In every repository that is there, for whoever may push it again. */
export const common = blob('access common')

/** A tag of `image` for one principal's one way, to be moved. */
export function tagOf(number: number): string {
  return `kept-${number}`
}
