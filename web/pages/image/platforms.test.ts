import { expect, test } from 'vitest'
import type { ImageChild } from '../../../contract/images.ts'
import { pickPlatform, platformsOf } from './platforms.ts'

const child = (platform: string | null, isHere = true, type = ''): ImageChild => ({
  digest: `sha256:${platform}`,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  platform,
  sizeBytes: 1,
  isHere,
  annotations: type === '' ? {} : { 'vnd.docker.reference.type': type },
})
const children = [
  child('linux/arm64', false),
  child('windows/amd64:10.0.17763.1'),
  child('linux/amd64'),
  child('unknown/unknown', true, 'attestation-manifest'),
]

test('what BuildKit attests is no platform', () => {
  expect(platformsOf(children).map(({ name }) => name)).toEqual([
    'linux/arm64',
    'windows/amd64:10.0.17763.1',
    'linux/amd64',
  ])
})

test('the wanted platform is shown, else linux/amd64, else the first that is here', () => {
  expect(pickPlatform(children, 'linux/arm64')?.name).toBe('linux/arm64')
  expect(pickPlatform(children, 'plan9/386')?.name).toBe('linux/amd64')
  expect(pickPlatform(children.slice(0, 2), undefined)?.name).toBe('windows/amd64:10.0.17763.1')
  expect(pickPlatform(children.slice(0, 1), undefined)?.name).toBe('linux/arm64')
  expect(pickPlatform([], undefined)).toBeUndefined()
})
