import { expect, test } from 'vitest'
import { togetherByImage } from './tag-groups.ts'

test('tags of one image stand together, where the first of them stood', () => {
  const tags = ['1.0=a', '1.1=b', '1=a', '2=c', 'latest=a'].map((text) => {
    const [name = '', digest = ''] = text.split('=')
    return { name, digest }
  })
  const placed = togetherByImage(tags).map(({ tag, span }) => [tag.name, span])
  expect(placed).toEqual([
    ['1.0', 3],
    ['1', 0],
    ['latest', 0],
    ['1.1', 1],
    ['2', 1],
  ])
})
