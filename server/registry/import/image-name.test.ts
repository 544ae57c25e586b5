import { expect, test } from 'vitest'
import { isWholeName, parseImageName } from './image-name.ts'

const names: readonly (readonly [text: string, repository: string, tag: string | null])[] = [
  ['alpine', 'alpine', null],
  ['alpine:3.20', 'alpine', '3.20'],
  ['docker.io/library/alpine:3', 'alpine', '3'],
  ['docker.io/library/team/app:3', 'library/team/app', '3'],
  ['docker.io/team/app:1', 'team/app', '1'],
  ['team/app:1', 'team/app', '1'],
  ['registry.example.test:5000/team/app', 'team/app', null],
  ['registry.example.test:5000/team/app:1', 'team/app', '1'],
  ['localhost/app:1', 'app', '1'],
  ['localhost:5000/app:1@sha256:00', 'app', '1'],
  ['[::1]:5000/app:1', 'app', '1'],
]

test.each(names)('%s is %s and %s', (text, repository, tag) => {
  expect(parseImageName(text)).toEqual({ repository, tag })
})

test('a tag alone is no whole name', () => {
  expect(['1.0', 'latest', 'a_b'].filter(isWholeName)).toEqual([])
  expect(['app:1.0', 'team/app', 'h:5000/app'].map(isWholeName)).toEqual([true, true, true])
})
