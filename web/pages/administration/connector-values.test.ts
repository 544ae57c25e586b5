import { expect, test } from 'vitest'
import type { ConnectorInfo } from '../../../contract/connectors.ts'
import {
  changesOf,
  creationOf,
  filtersInWords,
  newConnector,
  presetsOf,
  valuesOf,
} from './connector-values.ts'

const hub: ConnectorInfo = {
  ...{ name: 'hub', feedType: 'docker', enabled: true, url: 'https://registry-1.docker.io' },
  ...{ feed: null, username: 'ana', hasPassword: true, timeout: 30, filters: ['library/*'] },
  ...{ caCertificate: null, allowPrivate: false, realmHosts: ['auth.docker.io'] },
  ...{ freshnessSeconds: 300, libraryPrefix: true, feeds: ['main'] },
  ...{ lastError: null, rateLimit: null },
}
const other: ConnectorInfo = {
  ...hub,
  ...{ name: 'other', url: null, feed: 'main', username: null, hasPassword: false, timeout: 0 },
  ...{ freshnessSeconds: 0, filters: [], realmHosts: [], libraryPrefix: false },
}

test('only what was changed is sent, and a password only if one was written', () => {
  expect(changesOf(valuesOf(hub), hub)).toEqual({})
  expect(changesOf({ ...valuesOf(hub), filters: [], username: '' }, hub)).toEqual({
    filters: [],
    username: null,
  })
  expect(changesOf({ ...valuesOf(hub), password: 'new' }, hub)).toEqual({ password: 'new' })
})

test('another kind of place is sent whole, with limits that can be', () => {
  expect(changesOf({ ...valuesOf(hub), kind: 'feed', feed: 'main' }, hub)).toEqual({
    ...{ name: 'hub', enabled: true, feed: 'main' },
  })
  const moved = { ...valuesOf(other), kind: 'url', url: 'https://quay.io' } as const
  expect(changesOf(moved, other)).toMatchObject({
    ...{ url: 'https://quay.io', timeout: 30, freshnessSeconds: 300, username: null },
  })
})

test('a new one for Docker Hub knows where its tokens come from', () => {
  for (const url of [
    'https://docker.io',
    'https://registry-1.docker.io/',
    'https://index.docker.io',
  ]) {
    expect(presetsOf(url)).toEqual({ realmHosts: ['auth.docker.io'], libraryPrefix: true })
  }
  expect(presetsOf('https://docker.io.example.com')).toEqual(presetsOf('nothing yet'))
  const values = { ...newConnector, name: ' hub ', url: 'https://docker.io', timeout: '' } as const
  expect(creationOf({ ...values, ...presetsOf(values.url) })).toMatchObject({
    ...{ name: 'hub', url: 'https://docker.io', timeout: 30, libraryPrefix: true },
  })
  expect(creationOf({ ...values, kind: 'feed', feed: 'main', password: 'x' })).toEqual({
    ...{ name: 'hub', enabled: true, feed: 'main' },
  })
})

test('filters are told in words', () => {
  expect(filtersInWords([])).toBe('Asked for every repository.')
  expect(filtersInWords(['team/*', '!team/secret', 'app'])).toBe(
    'Asked only for team/*, app, but never for team/secret.',
  )
})
